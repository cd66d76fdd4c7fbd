// SQLite at work on a database in memory and on databases in files, with every journal mode.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>

#include "database.hpp"

namespace fs = std::filesystem;

namespace {

int failures = 0;

void check(const std::string& what, const std::string& got, const std::string& expected) {
    const bool equal = got == expected;
    failures += !equal;
    std::printf("%s %s: %s\n", equal ? "ok  " : "FAIL", what.c_str(), got.c_str());
    if (!equal) std::printf("     expected: %s\n", expected.c_str());
}

// The message of the error that `action` must end in.
std::string error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const DatabaseError& error) {
        return error.what();
    }
    return "no error";
}

void fill(Database& db, int rows) {
    db.run("CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL, size INTEGER CHECK(size >= 0), kind INTEGER)");
    db.run("BEGIN");
    Statement insert = db.prepare("INSERT INTO item(name, size, kind) VALUES(?, ?, ?)");
    for (int i = 1; i <= rows; ++i) {
        insert.bind(1, "item " + std::to_string(i)).bind(2, sqlite3_int64{i} * 7919 % 10007).bind(3, i % 10);
        insert.step();
        insert.reset();
    }
    db.run("COMMIT");
}

std::string plan_of(Database& db, const std::string& query) {
    Statement plan = db.prepare(("EXPLAIN QUERY PLAN " + query).c_str());
    return plan.step() ? plan.text(3) : "none";
}

void check_queries(Database& db) {
    fill(db, 4000);
    check("rows", db.run("SELECT count(*), min(size), max(size), sum(size) FROM item"), "4000|6|10006|20025550");
    check("plan without an index", plan_of(db, "SELECT id FROM item WHERE size = 5"), "SCAN item");
    db.run("CREATE INDEX item_size ON item(size); CREATE UNIQUE INDEX item_name ON item(name)");
    check("plan with an index", plan_of(db, "SELECT id FROM item WHERE size = 5"), "SEARCH item USING COVERING INDEX item_size (size=?)");
    check("look-up by index", db.run("SELECT id, name, size FROM item WHERE name = 'item 1234'"), "1234|item 1234|5214");
    check("groups", db.run("SELECT kind, count(*) FROM item GROUP BY kind HAVING kind IN (0, 9) ORDER BY kind DESC"), "9|400\n0|400");
    check("join", db.run("SELECT count(*) FROM item a JOIN item b ON a.size = b.id WHERE a.kind = 3"), "160");
    check("recursion",
          db.run("WITH RECURSIVE f(n, a, b) AS (SELECT 1, 0, 1 UNION ALL SELECT n + 1, b, a + b FROM f WHERE n < 50) SELECT max(b) FROM f"),
          "12586269025");
    check("window", db.run("SELECT id, sum(size) OVER (ORDER BY id) FROM item LIMIT 3"), "1|7919\n2|13750\n3|17493");
    check("text functions",
          db.run("SELECT upper('abc') || replace('banana', 'na', '-'), printf('%08.3f', 3.14159), hex(zeroblob(3)), length('äöü')"),
          "ABCba--|0003.142|000000|3");
    check("JSON", db.run("SELECT json_extract('{\"a\": [1, 2, {\"b\": \"deep\"}]}', '$.a[2].b')"), "deep");
    check("dates", db.run("SELECT strftime('%Y-%m-%d %H:%M:%S', 1000000000, 'unixepoch'), julianday('2000-01-01')"),
          "2001-09-09 01:46:40|2451544.5");
}

void check_constraints(Database& db) {
    check("duplicate", error_of([&] { db.run("INSERT INTO item(name) VALUES('item 1')"); }), "UNIQUE constraint failed: item.name");
    check("check", error_of([&] { db.run("UPDATE item SET size = -1 WHERE id = 1"); }), "CHECK constraint failed: size >= 0");
    check("null", error_of([&] { db.run("INSERT INTO item(name) VALUES(NULL)"); }), "NOT NULL constraint failed: item.name");
    check("syntax", error_of([&] { db.run("SELEKT 1"); }), "near \"SELEKT\": syntax error");
    db.run("CREATE TABLE log(what TEXT); CREATE TRIGGER gone AFTER DELETE ON item BEGIN INSERT INTO log VALUES('gone: ' || old.name); END");
    db.run("DELETE FROM item WHERE id > 3998");
    check("trigger", db.run("SELECT what FROM log ORDER BY what"), "gone: item 3999\ngone: item 4000");
}

void check_transactions(Database& db) {
    const std::string before = db.run("SELECT count(*), sum(size) FROM item");
    db.run("BEGIN; DELETE FROM item WHERE kind < 5; UPDATE item SET size = size + 1");
    check("inside a transaction", db.run("SELECT count(*) < 3000 FROM item"), "1");
    db.run("ROLLBACK");
    check("after ROLLBACK", db.run("SELECT count(*), sum(size) FROM item"), before);
    db.run("BEGIN; INSERT INTO item(name, size) VALUES('kept', 1); SAVEPOINT s; DELETE FROM item; ROLLBACK TO s; COMMIT");
    check("after ROLLBACK TO and COMMIT", db.run("SELECT count(*) - (SELECT count(*) FROM item WHERE name <> 'kept') FROM item"), "1");
    db.run("DELETE FROM item WHERE name = 'kept'");
    check("integrity", db.run("PRAGMA integrity_check"), "ok");
}

// Everything again in a file, kept across connections.
void check_file(const fs::path& folder, const std::string& mode) {
    const fs::path path = folder / ("journal_" + mode + ".db");
    {
        Database db{path};
        check("journal mode", db.run(("PRAGMA synchronous = FULL; PRAGMA journal_mode = " + mode).c_str()), mode);
        fill(db, 2000);
        db.run("CREATE INDEX item_size ON item(size)");
        db.run("BEGIN IMMEDIATE; UPDATE item SET name = name || '!' WHERE id % 2 = 0");
        Database other{path};
        check("a second writer", error_of([&] { other.run("DELETE FROM item"); }), "database is locked");
        if (mode != "memory") check("what a reader sees meanwhile", other.run("SELECT count(*) FROM item WHERE name LIKE '%!'"), "0");
        db.run("COMMIT");
        check("what it sees afterwards", other.run("SELECT count(*) FROM item WHERE name LIKE '%!'"), "1000");
    }
    Database db{path};
    check("mode of the file", db.run("PRAGMA journal_mode"), mode == "wal" ? "wal" : "delete");
    check("rows found again", db.run("SELECT count(*), sum(size), max(id) FROM item"), "2000|10021626|2000");
    db.run("DELETE FROM item WHERE id > 100; VACUUM");
    check("after VACUUM", db.run("SELECT count(*) FROM item; PRAGMA freelist_count; PRAGMA integrity_check"), "100\n0\nok");
    // In WAL mode the file shrinks at the checkpoint.
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    check("size of the file", fs::file_size(path) < 32768 ? "small" : std::to_string(fs::file_size(path)), "small");
}

// A copy of the files in the middle of a transaction is what a crash leaves; who opens it must find the state before.
void check_recovery(const fs::path& folder) {
    const fs::path path = folder / "live.db", crashed = folder / "crashed.db";
    Database db{path};
    db.run("PRAGMA cache_size = 10; PRAGMA page_size = 1024");
    fill(db, 2000);
    db.run("BEGIN; UPDATE item SET size = 0");
    fs::copy_file(path, crashed);
    fs::copy_file(folder / "live.db-journal", folder / "crashed.db-journal");
    db.run("ROLLBACK");
    Database recovered{crashed};
    check("after a crash", recovered.run("SELECT count(*), sum(size) FROM item; PRAGMA integrity_check"), "2000|10021626\nok");
    check("its journal", fs::exists(folder / "crashed.db-journal") ? "is there" : "is gone", "is gone");
    check("the live database", db.run("SELECT sum(size) FROM item"), "10021626");
}

void check_mapped_file(const fs::path& folder) {
    Database db{folder / "mapped.db"};
    check("mmap", db.run("PRAGMA mmap_size = 1048576"), "1048576");
    fill(db, 3000);
    check("mapped rows", db.run("SELECT count(*), max(name) FROM item"), "3000|item 999");
    db.run("ATTACH ':memory:' AS aside; CREATE TABLE aside.copy AS SELECT * FROM item WHERE kind = 1");
    check("attached", db.run("SELECT count(*) FROM aside.copy JOIN item USING(id)"), "300");
    db.run(("VACUUM INTO '" + (folder / "into.db").string() + "'").c_str());
    Database into{folder / "into.db"};
    check("VACUUM INTO", into.run("SELECT count(*) FROM item; PRAGMA integrity_check"), "3000\nok");
    // 12000 rows do not fit the cache: the sorter spills to a temporary file.
    db.run("PRAGMA cache_size = 5; PRAGMA temp_store = FILE");
    check("sort with a temporary file",
          db.run("SELECT group_concat(id) FROM (SELECT a.id FROM item a, item b WHERE b.id <= 4 ORDER BY a.name || b.name DESC LIMIT 3)"),
          "9,9,9");
}

}  // namespace

int main() {
    std::string pattern = fs::temp_directory_path() / "sqlite_test.XXXXXX";
    if (!mkdtemp(pattern.data())) {
        std::perror("mkdtemp");
        return 1;
    }
    const fs::path folder = pattern;
    try {
        Database memory{":memory:"};
        check_queries(memory);
        check_constraints(memory);
        check_transactions(memory);
        for (const char* mode : {"delete", "truncate", "persist", "memory", "wal"}) check_file(folder, mode);
        check_recovery(folder);
        check_mapped_file(folder);
    } catch (const std::exception& error) {
        std::printf("FAIL exception: %s\n", error.what());
        ++failures;
    }
    fs::remove_all(folder);
    std::printf("%d failures\n", failures);
    return failures != 0;
}
