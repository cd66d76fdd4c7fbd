#pragma once
// Checks of file operations that know what must happen, so that they need nothing to compare with: they hold on every file
// system that has the feature they need. Each prints one line.
#include <cerrno>

#include "check.hpp"

namespace file_ops {

// What a file system may lack; the argument --without=NAME,... says so.
enum class Feature : uint8_t {
    Allocation,  // fallocate(2)
    Exchange,    // RENAME_EXCHANGE
    Holes,       // files that are not stored as a whole, SEEK_DATA and SEEK_HOLE that know of it
    HardLinks,
    Inotify,
    Locks,
    Mapping,  // mmap(2)
    Owners,   // files may belong to others
    Special,  // FIFOs, sockets and devices
    SymbolicLinks,
    Unnamed,  // O_TMPFILE
    ExtendedAttributes,
    EmptyAttributes,    // extended attributes without a value
    TrustedAttributes,  // those of xattr(7) that only administrators see
    Count_,
};

// False for an unknown name.
[[nodiscard]] bool do_without(const char* names);
[[nodiscard]] const char* feature_names();
// Prints that what follows is skipped where the feature is absent.
[[nodiscard]] bool has(Feature feature, const char* what);

// `error`: an errno, or 0. `wanted`: the result where that matters.
void expect_error(const char* file, int line, const char* text, int error, long result);
void expect_success(const char* file, int line, const char* text, long result);
void expect_value(const char* file, int line, const char* text, long wanted, long result);
// For what some file systems do and others refuse: it succeeds, or it fails with this error.
void expect_either(const char* file, int line, const char* text, int error, long result);
// Prints the counts. The exit status.
[[nodiscard]] int summary();

#define OK(expression) ::file_ops::expect_success(__FILE__, __LINE__, #expression, ::file_ops::word(expression))
#define IS(value, expression) ::file_ops::expect_value(__FILE__, __LINE__, #expression, ::file_ops::word(value), ::file_ops::word(expression))
#define FAILS(error, expression) ::file_ops::expect_error(__FILE__, __LINE__, #expression, error, ::file_ops::word(expression))
#define EITHER(error, expression) ::file_ops::expect_either(__FILE__, __LINE__, #expression, error, ::file_ops::word(expression))

// Whether the file has exactly this text.
[[nodiscard]] bool contains(const char* path, const char* text);
// 255 bytes and one too many; a path of 4096 bytes.
extern char longest_name[256], too_long_name[257], too_long_path[4097];

// The groups. Each leaves the working directory empty.
void opening();
void opening_unnamed();
void resolving();
void transferring();
void seeking();
void copying();
void naming();
void linking();
void renaming();
void listing();
void attributes();
void times();
void sizes();
void locking();
void extended_attributes();
void mapping();
void watching();
void descriptors();
void many_threads();

}  // namespace file_ops
