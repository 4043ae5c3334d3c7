# Passwords and their like are never published, wherever they stand.
columns
drop people.csv
drop people.jsonl
drop tokens.csv
-- people.csv --
email,Kennwort,user_pass,api_key,PIN Code,hash,secretary
ann@example.org,geheim,x,y,560001,abc,Bob
-- people.jsonl --
{"email":"ann@example.org","passwordHash":"abc","salt":"x","identities":[{"provider":"google","access_token":"abc"}],"tags":["a"]}
-- tokens.csv --
email,stored
ann@example.org,$2y$10$abcdefghijklmnopqrstuv
bob@example.org,$2y$10$abcdefghijklmnopqrstuw
-- want --
people.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column email: email
column Kennwort: secret, it may hold passwords or the like, and is not published
column user_pass: secret, it may hold passwords or the like, and is not published
column api_key: secret, it may hold passwords or the like, and is not published
column PIN Code: attribute
column hash: secret, it may hold passwords or the like, and is not published
column secretary: attribute
warning: W_SECRET 1 line 0: the column "Kennwort" may hold passwords or the like; it was not published
warning: W_SECRET 1 line 0: the column "user_pass" may hold passwords or the like; it was not published
warning: W_SECRET 1 line 0: the column "api_key" may hold passwords or the like; it was not published
warning: W_SECRET 1 line 0: the column "hash" may hold passwords or the like; it was not published
user (derived)||ann@example.org|||PIN Code=560001|secretary=Bob
Nothing to do.
people.jsonl: archived, jsonl, utf-8
1 rows, 1 published, 0 refused, 0 blank
column email: email
column passwordHash: secret, it may hold passwords or the like, and is not published
column salt: secret, it may hold passwords or the like, and is not published
column identities: attribute
column tags: attribute
warning: W_SECRET 1 line 0: the column "passwordHash" may hold passwords or the like; it was not published
warning: W_SECRET 1 line 0: the column "salt" may hold passwords or the like; it was not published
warning: W_SECRET 1 line 1: the value of "identities" may hold passwords or the like; it was not published
user (derived)||ann@example.org|||tags=["a"]
Nothing to do.
tokens.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
column email: email
column stored: secret, it may hold passwords or the like, and is not published
warning: W_SECRET 1 line 0: the column "stored" may hold passwords or the like; it was not published
user (derived)||ann@example.org||
user (derived)||bob@example.org||
Nothing to do.
