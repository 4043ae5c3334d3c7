# Of too many other columns, and of a long one, what there is room for is kept.
drop people.csv
-- people.csv --
email,c1,c2,c3,c4,c5,c6,c7,c8,c9,c10,c11,c12,c13,c14,c15,c16,c17,c18,c19,c20,c21,c22,c23,c24,c25,c26,c27,c28,c29,c30,c31,c32,c33,c34,c35,c36,c37,c38,c39,c40,c41,c42,c43,c44,c45,c46,c47,c48,c49,c50,c51,c52
ann@example.org,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52
-- want --
people.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
warning: W_ATTRIBUTES 1 line 2: a row has more than 50 other columns; the first 50 were kept
user (derived)||ann@example.org|||c1=1|c10=10|c11=11|c12=12|c13=13|c14=14|c15=15|c16=16|c17=17|c18=18|c19=19|c2=2|c20=20|c21=21|c22=22|c23=23|c24=24|c25=25|c26=26|c27=27|c28=28|c29=29|c3=3|c30=30|c31=31|c32=32|c33=33|c34=34|c35=35|c36=36|c37=37|c38=38|c39=39|c4=4|c40=40|c41=41|c42=42|c43=43|c44=44|c45=45|c46=46|c47=47|c48=48|c49=49|c5=5|c50=50|c6=6|c7=7|c8=8|c9=9
Nothing to do.
