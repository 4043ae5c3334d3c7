# Objects whose values are the users: a list with holes of PHP, and a database of Firebase.
drop php.json
drop firebase.json
-- php.json --
{"1":{"email":"ann@example.org","name":"Ann"},"3":{"email":"bob@example.org","name":"Bob"}}
-- firebase.json --
{"users":{"uidA":{"email":"cem@example.org"},"uidB":{"email":"dee@example.org","tags":{"a":true}}}}
-- want --
php.json: archived, json, utf-8
2 rows, 2 published, 0 refused, 0 blank
user (derived)|Ann|ann@example.org||
user (derived)|Bob|bob@example.org||
Nothing to do.
firebase.json: archived, json, utf-8
2 rows, 2 published, 0 refused, 0 blank
user (derived)||cem@example.org|||_key=uidA
user (derived)||dee@example.org|||_key=uidB|tags={"a":true}
Nothing to do.
