// What the supervisor and the compiler expect to find in the library OS.
#include <new>
#include <string_view>

#include "abi/boot_info.hpp"
#include "base/panic.hpp"
#include "libos/init/power.hpp"
#include "libos/log/log.hpp"

namespace eremite {

void panic(std::string_view message) {
    log::error("panic: {}", message);
    init::end(125);
}

}  // namespace eremite

// What headers of the C++ library refer to.
namespace std {

const nothrow_t nothrow{};

void __throw_out_of_range_fmt(const char* message, ...) { eremite::panic(message); }
void __throw_length_error(const char* message) { eremite::panic(message); }
void __throw_bad_optional_access() { eremite::panic("an empty optional was read"); }

}  // namespace std

extern "C" {

eremite::abi::BootInfo eremite_boot_info;

[[noreturn]] void __cxa_pure_virtual() { eremite::panic("a pure virtual function was called"); }

}
