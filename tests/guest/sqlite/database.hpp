#pragma once
// SQLite's C interface as a small class, for the checks.
#include <sqlite3.h>

#include <memory>
#include <stdexcept>
#include <string>

class DatabaseError : public std::runtime_error {
public:
    DatabaseError(int code, const std::string& message) : std::runtime_error{message}, code{code} {}
    const int code;
};

class Statement {
public:
    Statement(sqlite3* database, const char* sql) : database_{database} {
        if (const int code = sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr))
            throw DatabaseError{code, sqlite3_errmsg(database)};
    }
    Statement(const Statement&) = delete;
    ~Statement() { sqlite3_finalize(statement_); }

    Statement& bind(int index, sqlite3_int64 value) { return checked(sqlite3_bind_int64(statement_, index, value)); }
    Statement& bind(int index, const std::string& value) {
        return checked(sqlite3_bind_text(statement_, index, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT));
    }
    // True while there is a row.
    bool step() {
        const int code = sqlite3_step(statement_);
        if (code != SQLITE_ROW && code != SQLITE_DONE) throw DatabaseError{code, sqlite3_errmsg(database_)};
        return code == SQLITE_ROW;
    }
    void reset() { checked(sqlite3_reset(statement_)); }
    std::string text(int column) const {
        const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
        return bytes ? bytes : "null";
    }

private:
    Statement& checked(int code) {
        if (code != SQLITE_OK) throw DatabaseError{code, sqlite3_errmsg(database_)};
        return *this;
    }

    sqlite3* database_;
    sqlite3_stmt* statement_ = nullptr;
};

class Database {
public:
    explicit Database(const std::string& path) {
        sqlite3* database = nullptr;
        const int code = sqlite3_open(path.c_str(), &database);
        database_.reset(database);
        if (code) throw DatabaseError{code, database ? sqlite3_errmsg(database) : "out of memory"};
    }

    // Runs statements. The rows are joined by newlines, their columns by '|'.
    std::string run(const char* sql) {
        std::string result;
        char* message = nullptr;
        const auto append_row = [](void* out, int count, char** values, char**) {
            auto& text = *static_cast<std::string*>(out);
            if (!text.empty()) text += '\n';
            for (int i = 0; i < count; ++i) (text += i ? "|" : "") += values[i] ? values[i] : "null";
            return 0;
        };
        const int code = sqlite3_exec(database_.get(), sql, append_row, &result, &message);
        const std::unique_ptr<char, void (*)(void*)> owner{message, sqlite3_free};
        if (code) throw DatabaseError{sqlite3_extended_errcode(database_.get()), message ? message : "no message"};
        return result;
    }
    Statement prepare(const char* sql) { return {database_.get(), sql}; }

private:
    struct Close {
        void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
    };
    std::unique_ptr<sqlite3, Close> database_;
};
