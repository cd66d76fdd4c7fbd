// Commits rows to an SQLite database for ever: prints the number of each when SQLite says that it is safe.
//   commits FILE JOURNAL_MODE
#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

sqlite3* database = nullptr;

void check(int status, const char* what) {
    if (status == SQLITE_OK || status == SQLITE_DONE || status == SQLITE_ROW) return;
    std::fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(database));
    std::exit(1);
}

void run(const std::string& text) { check(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr), text.c_str()); }

sqlite3_stmt* prepare(const char* text) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(database, text, -1, &statement, nullptr), text);
    return statement;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    check(sqlite3_open(argv[1], &database), "open");
    // So that WAL needs no memory shared with other processes.
    run("PRAGMA locking_mode=EXCLUSIVE");
    run(std::string{"PRAGMA journal_mode="} + argv[2]);
    run("PRAGMA synchronous=FULL");
    run("CREATE TABLE IF NOT EXISTS entry(number INTEGER PRIMARY KEY, text TEXT NOT NULL)");
    run("CREATE INDEX IF NOT EXISTS by_text ON entry(text)");
    sqlite3_stmt* const last = prepare("SELECT coalesce(max(number), 0) FROM entry");
    check(sqlite3_step(last), "last");
    sqlite3_int64 number = sqlite3_column_int64(last, 0);
    sqlite3_finalize(last);
    sqlite3_stmt* const insert = prepare("INSERT INTO entry VALUES(?1, printf('%d of many: %s', ?1 * 7919 % 10007, hex(zeroblob(?1 % 500))))");
    for (;;) {
        check(sqlite3_bind_int64(insert, 1, ++number), "bind");
        check(sqlite3_step(insert), "insert");
        sqlite3_reset(insert);
        std::printf("%lld\n", static_cast<long long>(number));
        std::fflush(stdout);
    }
}
