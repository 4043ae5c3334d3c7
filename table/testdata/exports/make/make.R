# Writes lists with R 4.2.2 into the folder that is given.
out <- commandArgs(TRUE)[1]
people <- data.frame(
  user_id = c(100000, 100001), name = c('Ann "Annie" Lee', "Bob Ünal"),
  email = c("ann@example.org", "bob@example.org"), phone = c("+4915112345671", NA)
)
write.csv(people, file.path(out, "r-write.csv"), fileEncoding = "UTF-8")
write.table(people, file.path(out, "r-write-table.txt"), fileEncoding = "UTF-8")
write.table(people, file.path(out, "r-write-table.csv"), sep = ",", fileEncoding = "UTF-8")
write.table(people, file.path(out, "r-write-table.tsv"), sep = "\t", quote = FALSE, row.names = FALSE, na = "", fileEncoding = "UTF-8")
