package console

// modelVersion changes with the schema, and with what is wrong in older files; a file
// of another version is made anew.
const modelVersion = 14

// modelSchema has, beside what it says of people, counts of them:
// a page that counts a million people by each of its filters reads some hundred rows.
// Counted by a minute is when their status began; cube leaves that out, and so is
// smaller. The counts of imports are apart because there are so many of them.
const modelSchema = `
CREATE TABLE positions (stream TEXT PRIMARY KEY, created INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT;
CREATE TABLE people (
	person INTEGER PRIMARY KEY, user_id TEXT NOT NULL UNIQUE, source TEXT NOT NULL, name TEXT NOT NULL,
	given_name TEXT NOT NULL, family_name TEXT NOT NULL, email TEXT NOT NULL,
	phone TEXT NOT NULL, locale TEXT NOT NULL, attributes TEXT NOT NULL,
	file TEXT NOT NULL, import TEXT NOT NULL, line INTEGER NOT NULL,
	lang TEXT NOT NULL, sort_name TEXT NOT NULL, words TEXT NOT NULL,
	generation INTEGER NOT NULL, n INTEGER NOT NULL, status TEXT NOT NULL, since INTEGER NOT NULL,
	decided_by TEXT NOT NULL, decided_generation INTEGER NOT NULL, decided_n INTEGER NOT NULL, decider TEXT NOT NULL, half TEXT NOT NULL
) STRICT; -- type person says what is what
CREATE INDEX people_since ON people (since, user_id);
CREATE INDEX people_status ON people (status, since, user_id);
CREATE INDEX people_source ON people (source, since, user_id);
CREATE INDEX people_import ON people (import, since, user_id);
CREATE INDEX people_lang ON people (lang, since, user_id);
CREATE INDEX people_decider ON people (decider, since, user_id);
CREATE INDEX people_name ON people (sort_name, user_id);
CREATE INDEX people_status_name ON people (status, sort_name, user_id);
CREATE TABLE words (word TEXT NOT NULL, person INTEGER NOT NULL, PRIMARY KEY (word, person)) WITHOUT ROWID, STRICT; -- those of people.words, each
` + counts + `
CREATE TABLE facts (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, event_id TEXT NOT NULL, event_source TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX facts_user ON facts (user_id, at);
CREATE INDEX facts_event ON facts (event_id);
CREATE INDEX facts_at ON facts (at);
CREATE TABLE decisions (event_id TEXT PRIMARY KEY, reason TEXT NOT NULL, actor TEXT NOT NULL, note TEXT NOT NULL, via TEXT NOT NULL) STRICT;
CREATE TABLE recent (event_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, verb TEXT NOT NULL, actor TEXT NOT NULL, at INTEGER NOT NULL, effective INTEGER NOT NULL, bulk TEXT NOT NULL) STRICT; -- the console's own decisions
CREATE INDEX recent_at ON recent (at) WHERE bulk = '';
CREATE INDEX recent_user ON recent (user_id, at);
CREATE TABLE imports (id TEXT PRIMARY KEY, file TEXT NOT NULL, source TEXT NOT NULL, record INTEGER NOT NULL, published INTEGER NOT NULL, refused INTEGER NOT NULL, total INTEGER NOT NULL, done INTEGER NOT NULL, started INTEGER NOT NULL, state TEXT NOT NULL DEFAULT '', progress TEXT NOT NULL DEFAULT '{}') STRICT;
CREATE INDEX imports_started ON imports (started, id);
CREATE TABLE trail (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, user_id TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX trail_action ON trail (action, seq);
CREATE INDEX trail_actor ON trail (actor, seq);
CREATE INDEX trail_user ON trail (user_id, seq);
CREATE INDEX trail_at ON trail (at);
CREATE TABLE deadletters (seq INTEGER PRIMARY KEY, stream TEXT NOT NULL, reason TEXT NOT NULL, cause TEXT NOT NULL, subject TEXT NOT NULL, sequence TEXT NOT NULL, at INTEGER NOT NULL, event_id TEXT NOT NULL) STRICT;
CREATE INDEX deadletters_event ON deadletters (event_id);
` + bulkSchema + missedSchema

// counts are brought up to date once in a transaction, by type recount.
const counts = `
CREATE TABLE cube (status TEXT, source TEXT, lang TEXT, decider TEXT, n INTEGER NOT NULL, PRIMARY KEY (status, source, lang, decider)) WITHOUT ROWID, STRICT;
CREATE TABLE import_cube (import TEXT, status TEXT, source TEXT, lang TEXT, decider TEXT, n INTEGER NOT NULL, PRIMARY KEY (import, status, source, lang, decider)) WITHOUT ROWID, STRICT;
CREATE TABLE ages (minute INTEGER, status TEXT, source TEXT, lang TEXT, decider TEXT, n INTEGER NOT NULL, PRIMARY KEY (minute, status, source, lang, decider)) WITHOUT ROWID, STRICT;
CREATE INDEX cube_empty ON cube (n) WHERE n = 0;
CREATE INDEX import_cube_empty ON import_cube (n) WHERE n = 0;
CREATE INDEX ages_empty ON ages (n) WHERE n = 0;
`
