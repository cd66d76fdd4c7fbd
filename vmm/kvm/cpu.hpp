#pragma once
// A processor of a virtual machine: runs in a thread until the machine ends.
#include <linux/kvm.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vmm/bus.hpp"
#include "vmm/kvm/exits.hpp"
#include "vmm/kvm/pause.hpp"
#include "vmm/kvm/system.hpp"

namespace eremite::vmm::kvm {

class Cpu {
public:
    // Why run() ended.
    enum class End : uint8_t {
        Stopped,  // stop() was called
        Reset,    // a triple fault, or the image switched the machine off or reset it
        Failed,   // KVM cannot go on; failure() says why
    };

    // The first processor (index 0) starts at once, the others when it wakes them (INIT and SIPI). Throws Error.
    Cpu(const System& system, const VirtualMachine& machine, unsigned index, const std::vector<kvm_cpuid_entry2>& leaves);
    Cpu(const Cpu&) = delete;
    Cpu& operator=(const Cpu&) = delete;
    ~Cpu();

    // The state that PVH prescribes: 32-bit protected mode, flat segments, no paging, the start info's address in ebx.
    void start_at(uint32_t entry, uint32_t start_info);

    // `trace`: where each exit is shown; null: nowhere.
    [[nodiscard]] End run(const Bus& ports, const Bus& memory, const ExitTrace* trace = nullptr);
    // Ends run(), from any thread, also before it began.
    void stop();
    // It leaves the machine, with nothing left half done, and stands until all who held it have released it; also before run(). From any thread:
    // hold() comes back at once, and wait_until_held(), from any but the processor's own, when nothing runs any more.
    void hold();
    void wait_until_held() { pause_.wait(); }
    void release() { pause_.release(); }
    // Sees each exit first, in the processor's thread; true: it has been dealt with. Before run().
    using Watcher = std::function<bool(const kvm_run& exit)>;
    void watch(Watcher watcher) { watcher_ = std::move(watcher); }
    [[nodiscard]] const std::string& failure() const { return failure_; }
    [[nodiscard]] std::string registers() const;
    // After run(), or in its thread.
    [[nodiscard]] const ExitCounts& exits() const { return exits_; }
    [[nodiscard]] int descriptor() const { return fd_.get(); }

    // To be called once in a process before any processor runs: stop() and hold() interrupt threads by a signal.
    static void prepare_process();

private:
    [[nodiscard]] End run_until_end(const Bus& ports, const Bus& memory, const ExitTrace* trace);
    void set_immediate_exit(bool wanted);
    void interrupt();
    void access_ports(const Bus& ports, const ExitTrace* trace);
    void access_memory(const Bus& memory, const ExitTrace* trace);
    void trace_event(const ExitTrace& trace) const;

    UniqueFd fd_;
    kvm_run* run_ = nullptr;
    size_t run_size_ = 0;
    std::atomic<bool> stopped_{false};
    std::atomic<pid_t> thread_{0};  // that runs it, or did
    Pause pause_;
    Watcher watcher_;
    std::string failure_;
    const unsigned index_;
    ExitCounts exits_;
};

}  // namespace eremite::vmm::kvm
