# A list of users that lies in an object, as programs export it.
drop firebase.json
drop keycloak.json
drop hits.json
drop company.json
# Objects that have a list of their own are users themselves.
drop own.json
drop two.json
drop columns.json
drop cut.json
-- firebase.json --
{"users": [
{"localId":"u1","email":"ann@example.org"},
{"localId":"u2","email":"bob@example.org"}
]}
-- keycloak.json --
{"id":"our-realm","realm":"x","clients":[{"id":"1","name":"app"}],"roles":{"realm":[{"id":"2","name":"admin"}]},
 "users":[{"id":"k-1","username":"ann","email":"ann2@example.org"}],"keys":{"a":[1,[2,{}]]}}
-- hits.json --
{"took":3,"hits":{"total":{"value":1},"hits":[{"_id":"e-1","_source":{"email":"ann3@example.org","name":"Ann"}}]}}
-- company.json --
{"company":"A","contacts":[{"email":"ann4@example.org"}]}
{"company":"B","contacts":[{"email":"bob4@example.org"}]}
-- own.json --
{"id":"1","name":"Ann","email":"ann5@example.org","contacts":[{"email":"x@example.org"}]}
-- two.json --
{"old":[{"email":"ann@example.org"}],"new":[{"email":"bob@example.org"}]}
-- columns.json --
{"email":{"0":"ann@example.org"},"name":{"0":"Ann"}}
-- cut.json --
{"users":[{"email":"ann@example.org"},{"email":"bob@example.org"}
-- want --
firebase.json: archived, json, utf-8
2 rows, 2 published, 0 refused, 0 blank
user u1||ann@example.org||
user u2||bob@example.org||
Nothing to do.
keycloak.json: archived, json, utf-8
1 rows, 1 published, 0 refused, 0 blank
user k-1||ann2@example.org|||username=ann
Nothing to do.
hits.json: archived, json, utf-8
1 rows, 1 published, 0 refused, 0 blank
user e-1|Ann|ann3@example.org||
Nothing to do.
company.json: archived, json, utf-8
2 rows, 2 published, 0 refused, 0 blank
user (derived)||ann4@example.org||
user (derived)||bob4@example.org||
Nothing to do.
own.json: archived, jsonl, utf-8
1 rows, 1 published, 0 refused, 0 blank
user 1|Ann|ann5@example.org|||contacts=[{"email":"x@example.org"}]
Nothing to do.
two.json: refused, jsonl, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_JSON_ARRAY the file has 2 lists that hold users; put each in a file of its own
Mend the file and drop it again.
columns.json: refused, jsonl, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_JSON_ARRAY the file has each column by itself and not each user; write it as a list of objects, with pandas by to_json(orient="records")
Mend the file and drop it again.
cut.json: refused, json, utf-8
0 rows, 0 published, 0 refused, 0 blank
E_JSON_ARRAY line 2: the array is not closed; was the file cut off?
Mend the file and drop it again.
