package console

// modelVersion changes with the schema, and with what is wrong in older files; a file
// of another version is made anew.
const modelVersion = 11

// modelSchema has, beside what it says of people, counts of them:
// a page that counts a million people by each of its filters reads some hundred rows.
// Counted by a minute is when their status began; cube leaves that out, and so is
// smaller. The counts of imports are apart because there are so many of them.
const modelSchema = `
CREATE TABLE positions (stream TEXT PRIMARY KEY, created INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT;
CREATE TABLE people (
	user_id TEXT PRIMARY KEY, source TEXT NOT NULL DEFAULT '', name TEXT NOT NULL DEFAULT '',
	given_name TEXT NOT NULL DEFAULT '', family_name TEXT NOT NULL DEFAULT '', email TEXT NOT NULL DEFAULT '',
	phone TEXT NOT NULL DEFAULT '', locale TEXT NOT NULL DEFAULT '', attributes TEXT NOT NULL DEFAULT '{}',
	file TEXT NOT NULL DEFAULT '', import TEXT NOT NULL DEFAULT '', line INTEGER NOT NULL DEFAULT 0,
	generation INTEGER NOT NULL DEFAULT -1, n INTEGER NOT NULL DEFAULT -1, status TEXT NOT NULL DEFAULT '', since INTEGER NOT NULL DEFAULT 0,
	decided_by TEXT NOT NULL DEFAULT '', decided_generation INTEGER NOT NULL DEFAULT -1, decided_n INTEGER NOT NULL DEFAULT -1,
	sort_name TEXT NOT NULL DEFAULT '', -- folded, as lists are sorted by it
	words TEXT NOT NULL DEFAULT '',     -- folded, what a search looks into
	lang TEXT NOT NULL GENERATED ALWAYS AS (lower(substr(locale, 1, instr(replace(locale, '_', '-') || '-', '-') - 1))) VIRTUAL,
	decider TEXT NOT NULL GENERATED ALWAYS AS (CASE WHEN decided_generation = generation THEN decided_by ELSE '' END) VIRTUAL
) STRICT;
CREATE INDEX people_since ON people (since, user_id);
CREATE INDEX people_status ON people (status, since, user_id);
CREATE INDEX people_source ON people (source, since, user_id);
CREATE INDEX people_import ON people (import, since, user_id);
CREATE INDEX people_lang ON people (lang, since, user_id);
CREATE INDEX people_decider ON people (decider, since, user_id);
CREATE INDEX people_name ON people (sort_name, user_id);
CREATE INDEX people_status_name ON people (status, sort_name, user_id);
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
` + bulkSchema

// counts are brought up to date once in a transaction: triggers note who was changed,
// as they were before, and settleCounts counts those out and as they are now in.
const counts = `
CREATE TABLE cube (status TEXT, source TEXT, lang TEXT, decider TEXT, n INTEGER NOT NULL, PRIMARY KEY (status, source, lang, decider)) WITHOUT ROWID, STRICT;
CREATE TABLE import_cube (import TEXT, status TEXT, source TEXT, lang TEXT, decider TEXT, n INTEGER NOT NULL, PRIMARY KEY (import, status, source, lang, decider)) WITHOUT ROWID, STRICT;
CREATE TABLE ages (minute INTEGER, status TEXT, source TEXT, lang TEXT, decider TEXT, n INTEGER NOT NULL, PRIMARY KEY (minute, status, source, lang, decider)) WITHOUT ROWID, STRICT;
CREATE INDEX cube_empty ON cube (n) WHERE n = 0;
CREATE INDEX import_cube_empty ON import_cube (n) WHERE n = 0;
CREATE INDEX ages_empty ON ages (n) WHERE n = 0;

CREATE TABLE touched (user_id TEXT PRIMARY KEY, minute INTEGER, status TEXT, source TEXT, import TEXT, lang TEXT, decider TEXT) WITHOUT ROWID, STRICT; -- status is NULL of who was not there
CREATE VIEW changes AS
	SELECT minute, status, source, import, lang, decider, -1 AS n FROM touched WHERE status IS NOT NULL
	UNION ALL SELECT p.since / 60000000, p.status, p.source, p.import, p.lang, p.decider, 1 FROM touched t JOIN people p ON p.user_id = t.user_id;
CREATE TRIGGER people_came AFTER INSERT ON people BEGIN
	INSERT INTO touched (user_id) VALUES (NEW.user_id) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER people_went AFTER DELETE ON people BEGIN
	INSERT INTO touched VALUES (OLD.user_id, OLD.since / 60000000, OLD.status, OLD.source, OLD.import, OLD.lang, OLD.decider) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER people_changed AFTER UPDATE ON people
WHEN OLD.status != NEW.status OR OLD.source != NEW.source OR OLD.import != NEW.import OR OLD.lang != NEW.lang OR OLD.decider != NEW.decider OR OLD.since / 60000000 != NEW.since / 60000000 BEGIN
	INSERT INTO touched VALUES (OLD.user_id, OLD.since / 60000000, OLD.status, OLD.source, OLD.import, OLD.lang, OLD.decider) ON CONFLICT DO NOTHING;
END;
`

// settleCounts are the statements that bring the counts up to date.
var settleCounts = []string{
	settle("cube", "status, source, lang, decider"), settle("import_cube", "import, status, source, lang, decider"), settle("ages", "minute, status, source, lang, decider"),
	`DELETE FROM cube WHERE n = 0`, `DELETE FROM import_cube WHERE n = 0`, `DELETE FROM ages WHERE n = 0`,
	`DELETE FROM touched`,
}

func settle(table, by string) string {
	return `INSERT INTO ` + table + ` SELECT ` + by + `, sum(n) FROM changes GROUP BY ` + by + ` HAVING sum(n) != 0 ON CONFLICT DO UPDATE SET n = n + excluded.n`
}
