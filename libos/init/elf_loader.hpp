#pragma once
// Loads a static Linux executable (ELF-64, System V gABI chapter 5) into the address space. The file is foreign data:
// every field is checked before it is used.
#include <cstdint>
#include <string_view>

#include "libos/init/program.hpp"

namespace eremite::init {

// Where the bytes of an executable come from.
class ExecutableSource {
public:
    [[nodiscard]] virtual uint64_t size() const = 0;
    // Reads exactly `length` bytes into program memory at `destination`. Requires: the range lies within the file.
    [[nodiscard]] virtual Result<void> read_to_user(uint64_t offset, VirtualAddress destination, uint64_t length) = 0;
    // The same into memory of the library OS.
    [[nodiscard]] virtual Result<void> read(uint64_t offset, void* destination, uint64_t length) = 0;

protected:
    ~ExecutableSource() = default;
};

// Maps the segments and returns where to start. `seed` places a static-PIE. ENOEXEC, ENOMEM, or the source's error, with the
// cause in `reason`; then a part of the program may be mapped.
[[nodiscard]] Result<Program> load_executable(mm::AddressSpace& space, ExecutableSource& source, uint64_t seed, std::string_view& reason);

}  // namespace eremite::init
