#include "expect.hpp"

#include <array>
#include <cstring>
#include <string_view>

namespace file_ops {

namespace {

constexpr std::array<const char*, static_cast<size_t>(Feature::Count_)> names = {
    "allocation", "exchange", "holes", "hardlinks", "inotify", "locks", "mmap", "owners", "special", "symlinks", "tmpfile", "xattr",
    "emptyxattr", "trusted"};
std::array<bool, names.size()> absent{};
unsigned checks, failures, skips;

bool is_error(long result) { return result < 0 && result > -4096; }

const char* name_of(long result) {
    const char* const name = is_error(result) ? strerrorname_np(static_cast<int>(-result)) : nullptr;
    return name ? name : "";
}

void report(bool good, const char* file, int line, const char* text, const char* wanted, long result) {
    ++checks;
    if (good) {
        std::fprintf(output, "ok %s: %s\n", text, wanted);
        return;
    }
    ++failures;
    const char* const base = std::strrchr(file, '/');
    std::fprintf(output, "FAILED %s:%d %s: wanted %s, got %ld %s\n", base ? base + 1 : file, line, text, wanted, result, name_of(result));
}

}  // namespace

char longest_name[256], too_long_name[257], too_long_path[4097];

bool do_without(const char* list) {
    for (std::string_view rest{list}; !rest.empty();) {
        const size_t comma = rest.find(',');
        const std::string_view name = rest.substr(0, comma);
        rest = comma == rest.npos ? std::string_view{} : rest.substr(comma + 1);
        bool known = false;
        for (size_t i = 0; i < names.size(); ++i) {
            if (name != names[i]) continue;
            absent[i] = known = true;
        }
        if (!known) return false;
    }
    return true;
}

const char* feature_names() {
    static char list[256];
    size_t size = 0;
    for (const char* const name : names)
        size += static_cast<size_t>(std::snprintf(list + size, sizeof list - size, "%s%s", size ? "," : "", name));
    return list;
}

bool has(Feature feature, const char* what) {
    const auto index = static_cast<size_t>(feature);
    if (!absent[index]) return true;
    ++skips;
    std::fprintf(output, "skipped %s: the file system is said to have no %s\n", what, names[index]);
    return false;
}

void expect_error(const char* file, int line, const char* text, int error, long result) {
    report(result == -error, file, line, text, name_of(-error), result);
}

void expect_success(const char* file, int line, const char* text, long result) { report(!is_error(result), file, line, text, "success", result); }

void expect_value(const char* file, int line, const char* text, long wanted, long result) {
    char number[24];
    std::snprintf(number, sizeof number, "%ld", wanted);
    report(result == wanted, file, line, text, number, result);
}

void expect_either(const char* file, int line, const char* text, int error, long result) {
    char wanted[64];
    std::snprintf(wanted, sizeof wanted, "success or %s", name_of(-error));
    report(!is_error(result) || result == -error, file, line, text, wanted, result);
}

int summary() {
    std::fprintf(output, "%u checks, %u failed, %u groups skipped\n", checks, failures, skips);
    return failures == 0 ? 0 : 1;
}

bool contains(const char* path, const char* text) {
    static char buffer[4096];
    const long fd = open(path, O_RDONLY);
    if (fd < 0) return false;
    const long size = read(static_cast<int>(fd), buffer, sizeof buffer);
    close(static_cast<int>(fd));
    return size == static_cast<long>(std::strlen(text)) && std::memcmp(buffer, text, static_cast<size_t>(size)) == 0;
}

}  // namespace file_ops
