#pragma once
// A virtual machine: puts memory, processors and devices together, boots an image by PVH, and runs it to its end.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "vmm/bus.hpp"
#include "vmm/debugger.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/kvm/cpu.hpp"
#include "vmm/kvm/system.hpp"
#include "vmm/platform/cmos.hpp"
#include "vmm/platform/host_channel.hpp"
#include "vmm/platform/serial.hpp"
#include "vmm/virtio/mmio.hpp"

namespace eremite::vmm {

struct MachineSetup {
    std::string name;                   // of the image, for messages
    std::span<const std::byte> image;   // an ELF file
    std::span<const std::byte> module;  // what is handed over with it; empty: nothing
    std::string command_line;
    uint64_t memory = uint64_t{128} << 20;  // bytes
    unsigned cpus = 1;
    uint64_t tsc_khz = 0;  // of the host's time stamp counter; 0: not known
    // Descriptors, which stay the caller's; -1: none. `log` and `report` are of abi/host_channel.hpp.
    int input = -1, output = -1, log = -1, report = -1;
    // The process keeps what the machine needs only, for good: it must be one for itself. Sanitizers need more.
    bool restricted = true;
};

struct MachineEnd {
    enum class Kind : uint8_t {
        Exit,   // the image ended, with `status`
        Reset,  // a triple fault, or it reset itself
        Failed,  // KVM could not go on
    };
    Kind kind = Kind::Exit;
    uint32_t status = 0;
    std::string details;  // for Reset and Failed: why, and the registers
};

class Machine {
public:
    using DeviceMaker = std::function<std::unique_ptr<virtio::Device>(virtio::Host&, const GuestMemory&)>;

    // Throws Error.
    explicit Machine(const MachineSetup& setup);
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    ~Machine();

    // Before run(). Throws Error: there are too many, or what the maker throws.
    void add_device(const DeviceMaker& make);

    // Before run().
    void set_debugger(std::unique_ptr<Debugger> debugger) { debugger_ = std::move(debugger); }

    // Loads the image and runs it to its end. To be called once. Throws Error if it cannot start.
    [[nodiscard]] MachineEnd run();

    // All processors stand still, their registers are complete, and no access of theirs is under way when pause() returns; the devices go on.
    // resume() undoes one pause(). From the threads of the devices and of the loop. Requires: not a processor's thread, and no lock that is taken
    // where processors access registers.
    void pause();
    void resume();

private:
    struct Slot {
        UniqueFd interrupt;
        std::unique_ptr<virtio::MmioTransport> transport;
    };

    void load();
    void connect(size_t slot);
    void run_cpu(kvm::Cpu& cpu);
    void finish(MachineEnd end);
    [[nodiscard]] std::optional<uint8_t> exit_status();

    MachineSetup setup_;
    kvm::System system_;
    GuestMemory memory_;
    kvm::VirtualMachine machine_;
    Bus ports_, registers_;
    EventLoop loop_;
    UniqueFd serial_interrupt_;
    Serial serial_;
    DebugConsole log_, report_;
    DebugExit exit_;
    Cmos cmos_;
    std::vector<Slot> slots_;
    std::vector<std::unique_ptr<kvm::Cpu>> cpus_;
    std::unique_ptr<Debugger> debugger_;
    std::mutex end_lock_;
    std::optional<MachineEnd> end_;
};

}  // namespace eremite::vmm
