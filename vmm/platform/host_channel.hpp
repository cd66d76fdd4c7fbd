#pragma once
// The ports of abi/host_channel.hpp, which QEMU has as its devices isa-debugcon and isa-debug-exit.
#include <functional>

#include "vmm/bus.hpp"

namespace eremite::vmm {

// Bytes for a descriptor, as they come.
class DebugConsole final : public Registers {
public:
    // The descriptor stays the caller's; -1: what is written is dropped.
    explicit DebugConsole(int output) : output_{output} {}
    void read(uint64_t offset, std::span<std::byte> data) override;
    void write(uint64_t offset, std::span<const std::byte> data) override;

private:
    int output_;
};

// The image ends the machine.
class DebugExit final : public Registers {
public:
    // Gets the number that was written, in the thread of the processor that did.
    explicit DebugExit(std::function<void(uint32_t)> exit) : exit_{std::move(exit)} {}
    void read(uint64_t offset, std::span<std::byte> data) override;
    void write(uint64_t offset, std::span<const std::byte> data) override;

private:
    std::function<void(uint32_t)> exit_;
};

}  // namespace eremite::vmm
