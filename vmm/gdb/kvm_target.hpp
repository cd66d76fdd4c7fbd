#pragma once
// A machine of KVM under a debugger. All of it is for one thread, that of the debugger, but what processors report, each in its own.
//
// A processor that comes to something stands at once and waits until the thread has looked at it: it goes on, or all stand and GDB is told.
// Where KVM does not debug ring 3 (probe.hpp) INT3 and single steps of programs come to the guest's own handlers: these have breakpoints then, of
// the processor's debug registers, and what came to them is undone. Watchpoints are steps there, with a look at the memory after each.
#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "vmm/debugger.hpp"
#include "vmm/gdb/patches.hpp"
#include "vmm/gdb/processor.hpp"
#include "vmm/gdb/target.hpp"

namespace eremite::vmm::gdb {

class KvmTarget final : public Target {
public:
    // No processor runs any more, and none will before resume(). `tell` gets why all of them stand. Throws Error.
    KvmTarget(const Debuggee& machine, std::function<void(const Stop&)> tell);

    // An event descriptor: then look() is to be called.
    [[nodiscard]] int event() const { return event_.get(); }
    void look();

    [[nodiscard]] size_t processors() const override { return processors_.size(); }
    [[nodiscard]] std::string describe(size_t processor) const override;
    [[nodiscard]] bool read_registers(size_t processor, RegisterFile& to) override { return processors_[processor].state.read(to); }
    [[nodiscard]] bool write_registers(size_t processor, const RegisterFile& from) override { return processors_[processor].state.write(from); }
    [[nodiscard]] size_t read_memory(size_t processor, uint64_t address, std::span<std::byte> to) override;
    [[nodiscard]] bool write_memory(size_t processor, uint64_t address, std::span<const std::byte> from) override;
    [[nodiscard]] Insertion insert(size_t processor, const Breakpoint& breakpoint) override;
    void remove(const Breakpoint& breakpoint) override;
    void remove_all() override;
    void resume(std::span<const Action> actions) override;
    void stop() override;
    void kill() override { machine_.kill(); }

private:
    static constexpr size_t debug_registers = 4;

    // What came out of a processor.
    struct Exit {
        enum class Kind : uint8_t {
            Debug,       // KVM_EXIT_DEBUG
            Breakpoint,  // an INT3 that KVM cannot interpret
            Other,       // any: it was asked for
        };
        Kind kind = Kind::Other;
        uint32_t exception = 0;
        uint64_t pc = 0, dr6 = 0;
    };
    struct OneProcessor {
        explicit OneProcessor(Processor its) : state{its} {}
        Processor state;
        Action action;
        bool held = true;          // by us
        bool waits = false;        // for its turn
        bool steps = false;        // it was let go for one instruction
        bool steps_over = false;   // a breakpoint of ours on a handler
        // A page has been touched that is not there yet, and breakpoints of it.
        std::optional<uint64_t> steps_to_page;
        std::optional<uint64_t> steps_to;  // behind a hlt
        bool injects = false;      // an INT3 that is the guest's own
        std::array<std::optional<Breakpoint>, debug_registers> registers;
        std::optional<Exit> exit;  // under lock_
    };
    // A value in memory that is watched by steps.
    struct Watch {
        Breakpoint breakpoint;
        std::vector<std::byte> value;
    };

    [[nodiscard]] bool see(size_t index, const kvm_run& run);
    void report(size_t index, const Exit& exit);
    [[nodiscard]] std::optional<Exit> take_exit(size_t index);
    [[nodiscard]] std::optional<Stop> judge(size_t index, const Exit& exit);
    [[nodiscard]] std::optional<Stop> judge_breakpoint(size_t index, uint64_t address);
    [[nodiscard]] std::optional<Stop> judge_handler(size_t index, uint64_t handler);
    [[nodiscard]] std::optional<Stop> judge_register(size_t index, const Breakpoint& hit);
    [[nodiscard]] std::optional<Stop> judge_step(size_t index);
    [[nodiscard]] bool is_int3(size_t index, uint64_t address);
    [[nodiscard]] bool is_handler(uint64_t address) const;
    void find_handlers(size_t index);
    void let_go(size_t index);
    void go_on_after(size_t index);
    [[nodiscard]] bool takes_turns() const { return !watches_.empty() && processors_.size() > 1; }
    [[nodiscard]] bool steps_to_handlers() const;
    void choose_registers(OneProcessor& one) const;
    void choose_step(OneProcessor& one, kvm_guest_debug& setting) const;

    const Debuggee machine_;
    std::function<void(const Stop&)> tell_;
    const bool debugs_ring_3_;
    const bool blocks_interrupts_;
    UniqueFd event_;
    Patches patches_;
    std::vector<Breakpoint> in_registers_;
    std::vector<Watch> watches_;
    // Of those that run and watch by steps one takes a step at a time, so that it is known whose it was. Who sleeps needs no turn to wake up.
    std::optional<size_t> turn_;
    std::optional<Handlers> handlers_;
    std::mutex lock_;
    std::vector<OneProcessor> processors_;
    // For the processors' threads: whether any exit is of interest, and whether they take steps only until there are handlers.
    std::atomic<bool> wants_exits_{false}, wants_handlers_{false};
};

}  // namespace eremite::vmm::gdb
