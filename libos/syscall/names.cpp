#include "libos/syscall/names.hpp"

#include <array>

namespace eremite::syscall {

namespace {

struct Name {
    unsigned number;
    const char* name;
};
constexpr Name names[] = {
#include "syscall_names.inc"
};

}  // namespace

std::string_view name_of(uint64_t number) {
    for (const Name& entry : names)
        if (entry.number == number) return entry.name;
    return {};
}

}  // namespace eremite::syscall
