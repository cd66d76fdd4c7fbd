// SQLite's own speed test (speedtest1.c of its sources) on a database in a directory of one's choice: the time of all of it.
#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "first_process.hpp"
#include "measure.hpp"

/// Its main().
extern "C" int speedtest1_main(int argc, char** argv);

namespace {

void check_integrity(const std::string& path) {
    sqlite3* database = nullptr;
    std::string answer;
    const auto keep = [](void* to, int, char** columns, char**) {
        *static_cast<std::string*>(to) += columns[0];
        return 0;
    };
    if (sqlite3_open(path.c_str(), &database) != SQLITE_OK ||
        sqlite3_exec(database, "PRAGMA integrity_check", keep, &answer, nullptr) != SQLITE_OK || answer != "ok") {
        std::fprintf(stderr, "the database is damaged: %s %s\n", answer.c_str(), sqlite3_errmsg(database));
        std::exit(1);
    }
    sqlite3_close(database);
}

}  // namespace

int main(int argc, char** argv) {
    const auto options = eremite::bench::parse_options(argc, argv);
    if (options.first_process) eremite::bench::prepare_guest(options);
    std::string path = options.directory + "/speedtest1.db";
    std::string size = options.quick || options.count ? "2" : "5";
    std::array<std::string, 4> words{"speedtest1", "--size", size, path};
    std::array<char*, 5> pointers{};
    for (size_t i = 0; i < words.size(); ++i) pointers[i] = words[i].data();
    const uint64_t start = eremite::bench::ticks();
    if (speedtest1_main(static_cast<int>(words.size()), pointers.data()) != 0) return eremite::bench::finish(options, 1);
    const auto time = static_cast<double>(eremite::bench::ticks() - start);
    check_integrity(path);
    if (unlink(path.c_str()) != 0) eremite::bench::fail("unlink");
    eremite::bench::print(options, "sqlite", time);
    return eremite::bench::finish(options, 0);
}
