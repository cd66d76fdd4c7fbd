// Fills a database, then answers a line of its input from it: a server whose start takes a while (SQLite, 50,000 rows in memory).
#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>

namespace {

void require(int result, sqlite3* database) {
    if (result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW) return;
    std::fprintf(stderr, "SQLite: %s\n", sqlite3_errmsg(database));
    std::exit(1);
}

constexpr char fill[] =
    "CREATE TABLE words(number INTEGER PRIMARY KEY, word TEXT);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) INSERT INTO words SELECT i, printf('word %d', i * 7919 % 50021) FROM n;"
    "CREATE INDEX by_word ON words(word)";

}  // namespace

int main() {
    sqlite3* database = nullptr;
    require(sqlite3_open(":memory:", &database), database);
    require(sqlite3_exec(database, fill, nullptr, nullptr, nullptr), database);
    sqlite3_stmt* query = nullptr;
    require(sqlite3_prepare_v2(database, "SELECT number FROM words WHERE word = 'word ' || ?", -1, &query, nullptr), database);
    std::puts("ready");
    std::fflush(stdout);
    char line[64];
    while (std::fgets(line, sizeof line, stdin)) {
        require(sqlite3_bind_int(query, 1, std::atoi(line)), database);
        const int found = sqlite3_step(query);
        require(found, database);
        std::printf("%d\n", found == SQLITE_ROW ? sqlite3_column_int(query, 0) : 0);
        std::fflush(stdout);
        require(sqlite3_reset(query), database);
    }
    return 0;
}
