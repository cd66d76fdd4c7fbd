#include "libos/syscall/names.hpp"

#include "base/packed_names.hpp"

namespace eremite::syscall {

namespace {

constexpr auto names = pack_names<[] {
    return std::to_array<NamedValue>({
#include "syscall_names.inc"
    });
}>();

}  // namespace

std::string_view name_of(uint64_t number) { return PackedNames{names.data()}.find(number); }

}  // namespace eremite::syscall
