#pragma once
// What a debugger's stub does to a machine. Processors are counted from 0.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vmm/gdb/registers.hpp"

namespace eremite::vmm::gdb {

struct Breakpoint {
    // By the numbers of the packets Z and z.
    enum class Kind : uint8_t { Software, Hardware, WatchWrites, WatchReads, WatchAccesses };
    Kind kind = Kind::Software;
    uint64_t address = 0;
    uint64_t length = 1;  // bytes that are watched
    bool operator==(const Breakpoint&) const = default;
};

// What a processor does when the machine goes on.
struct Action {
    enum class Kind : uint8_t {
        Stand,
        Continue,
        Step,  // one instruction, and further ones while they are from `from` to `end`
    };
    Kind kind = Kind::Stand;
    uint64_t from = 0;
    uint64_t end = 0;
};

// Why it stands.
struct Stop {
    enum class Reason : uint8_t { Interrupted, Stepped, SoftwareBreakpoint, HardwareBreakpoint, WatchWrites, WatchReads, WatchAccesses };
    Reason reason = Reason::Interrupted;
    size_t processor = 0;
    uint64_t address = 0;  // that was watched
};

// All but stop() and kill() are for a machine that stands.
class Target {
public:
    virtual ~Target() = default;
    [[nodiscard]] virtual size_t processors() const = 0;
    // A few words for the user.
    [[nodiscard]] virtual std::string describe(size_t processor) const = 0;
    [[nodiscard]] virtual bool read_registers(size_t processor, RegisterFile& to) = 0;
    // The control registers stay as they are, and of the segments all but the bases of fs and gs.
    [[nodiscard]] virtual bool write_registers(size_t processor, const RegisterFile& from) = 0;
    // Of the addresses as the processor sees them; how many bytes from the first on there are.
    [[nodiscard]] virtual size_t read_memory(size_t processor, uint64_t address, std::span<std::byte> to) = 0;
    // False: not all of it is memory, and nothing has changed.
    [[nodiscard]] virtual bool write_memory(size_t processor, uint64_t address, std::span<const std::byte> from) = 0;
    enum class Insertion : uint8_t { Done, Unsupported, Full };
    [[nodiscard]] virtual Insertion insert(size_t processor, const Breakpoint& breakpoint) = 0;
    virtual void remove(const Breakpoint& breakpoint) = 0;
    virtual void remove_all() = 0;
    // An action for each processor.
    virtual void resume(std::span<const Action> actions) = 0;
    // All processors stand when it returns.
    virtual void stop() = 0;
    // The machine ends.
    virtual void kill() = 0;
};

}  // namespace eremite::vmm::gdb
