# Documents one after the other, with what programs put between them.
drop arrays.json
drop inline.json
drop commas.json
append-hex sequence.json 1e7b22656d61696c223a22676167406578616d706c652e6f7267227d0a1e7b22656d61696c223a2267616268406578616d706c652e6f7267227d0a
drop sequence.json
-- arrays.json --
[{"email":"ann@example.org"}]
[{"email":"bob@example.org"}]
-- inline.json --
{"email":"cem@example.org"}{"email":"dee@example.org"} {"email":"eve@example.org"}
-- commas.json --
{"email":"fay@example.org"},
{"email":"guy@example.org"},
{"email":"hal@example.org"}
-- sequence.json --
-- want --
arrays.json: archived, json, utf-8
2 rows, 2 published, 0 refused, 0 blank
user (derived)||ann@example.org||
user (derived)||bob@example.org||
Nothing to do.
inline.json: archived, json, utf-8
3 rows, 3 published, 0 refused, 0 blank
user (derived)||cem@example.org||
user (derived)||dee@example.org||
user (derived)||eve@example.org||
Nothing to do.
commas.json: archived, jsonl, utf-8
3 rows, 3 published, 0 refused, 0 blank
user (derived)||fay@example.org||
user (derived)||guy@example.org||
user (derived)||hal@example.org||
Nothing to do.
sequence.json: archived, jsonl, utf-8
2 rows, 2 published, 0 refused, 0 blank
user (derived)||gag@example.org||
user (derived)||gabh@example.org||
Nothing to do.
