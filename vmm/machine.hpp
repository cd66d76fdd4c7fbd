#pragma once
// A virtual machine: puts memory, processors and devices together, boots an image by PVH, and runs it to its end.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "abi/generation.hpp"
#include "vmm/boot/acpi.hpp"
#include "vmm/bus.hpp"
#include "vmm/debugger.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/kvm/cpu.hpp"
#include "vmm/kvm/system.hpp"
#include "vmm/platform/cmos.hpp"
#include "vmm/platform/host_channel.hpp"
#include "vmm/platform/serial.hpp"
#include "vmm/sandbox/needs.hpp"
#include "vmm/snapshot/file.hpp"
#include "vmm/statistics.hpp"
#include "vmm/virtio/mmio.hpp"

namespace eremite::vmm {

// How a snapshot is asked for.
struct SnapshotOrders {
    int request = -1;   // an event descriptor: once it is signalled, the machine stands still, is written, and goes on. -1: there will be none
    int file = -1;      // an empty file for it
    int reply = -1;     // a line for who asked: "ok", a space and the bytes that were written, and " without AVX" if these registers are not in it; or what went wrong
    bool ends = false;  // the machine does not go on: what it has on disks stays as the snapshot knows it
    std::string notes;  // of the caller's, which stand in the snapshot
};

struct MachineSetup {
    std::string name;                   // of the image, for messages
    std::span<const std::byte> image;   // an ELF file
    std::span<const std::byte> module;  // what is handed over with it; empty: nothing
    std::string command_line;
    uint64_t memory = uint64_t{128} << 20;  // bytes
    bool huge_pages = false;                // of the host's pool, for all of the memory
    unsigned cpus = 1;
    std::vector<unsigned> affinity{};  // the host's CPU for each of these; empty: any
    uint64_t tsc_khz = 0;  // of the host's time stamp counter; 0: not known
    SnapshotOrders orders;
    // The machine goes on from there, with its memory and processors, in the place of an image; `command_line` is what is new to it (abi/generation.hpp).
    const SnapshotFile* snapshot = nullptr;
    // Descriptors, which stay the caller's; -1: none. `log` and `report` are of abi/host_channel.hpp.
    int input = -1, output = -1, log = -1, report = -1;
    bool statistics = false;  // are wanted at the end
    int exit_trace = -1;      // a descriptor for a line for each exit; -1: none
    // Once something can be read there, the machine ends.
    int stop = -1;
    // The process keeps what the machine needs only, for good: it must be one for itself. Sanitizers need more.
    bool restricted = true;
};

struct MachineEnd {
    enum class Kind : uint8_t {
        Exit,   // the image ended, with `status`
        Reset,  // a triple fault, or it reset itself
        Failed,  // KVM could not go on
        Stopped,  // from outside
        Saved,    // in a snapshot, after which it was not to go on
    };
    Kind kind = Kind::Exit;
    uint32_t status = 0;
    std::string details;  // for Reset and Failed: why, and the registers
    Figures figures{};    // if they were wanted
    int cpu = -1;         // for Reset and Failed: the descriptor of the processor, which lives as long as the machine; -1: none
};

class Machine {
    // Behind the tables of ACPI, in the area that is no memory for the image.
    static constexpr uint64_t generation_at = acpi_tables_end - abi::generation_page_size;

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
    [[nodiscard]] const GuestMemory& memory() const { return memory_; }

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
    void make_cpus();
    void restore(const SnapshotFile& snapshot);
    void begin_generation(const std::string& arguments);
    void take_snapshot();
    [[nodiscard]] bool wait_for_idle_processors();
    [[nodiscard]] bool has_ended() {
        const std::lock_guard guard{end_lock_};
        return end_.has_value();
    }
    [[nodiscard]] std::vector<std::byte> state();
    static void list_snapshot_needs(sandbox::Needs& needs);
    void connect(size_t slot);
    void run_cpu(kvm::Cpu& cpu);
    void finish(MachineEnd end);
    [[nodiscard]] Figures figures() const;
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
    UniqueFd generation_interrupt_ = make_event();
    std::vector<kvm_cpuid_entry2> cpuid_;
    std::vector<std::unique_ptr<kvm::Cpu>> cpus_;
    std::optional<kvm::ExitTrace> trace_;
    std::optional<ProcessStatistics> statistics_;
    std::chrono::steady_clock::time_point made_ = std::chrono::steady_clock::now(), entered_{};
    std::unique_ptr<Debugger> debugger_;
    std::mutex end_lock_;
    std::optional<MachineEnd> end_;
};

}  // namespace eremite::vmm
