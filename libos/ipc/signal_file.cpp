#include "libos/ipc/signal_file.hpp"

#include <sys/signalfd.h>

#include "libos/signal/signals.hpp"

namespace eremite::ipc {

namespace {

// What is told with the signal depends on who sent it (sigaction(2), "The siginfo_t argument to a SA_SIGINFO handler").
signalfd_siginfo record_of(const siginfo_t& information) {
    signalfd_siginfo record{};
    record.ssi_signo = static_cast<uint32_t>(information.si_signo);
    record.ssi_errno = information.si_errno;
    record.ssi_code = information.si_code;
    constexpr uint64_t faults = signal::signal_bit(SIGSEGV) | signal::signal_bit(SIGBUS) | signal::signal_bit(SIGILL) |
                                signal::signal_bit(SIGTRAP) | signal::signal_bit(SIGFPE);
    if (information.si_code == SI_TIMER) {
        record.ssi_tid = static_cast<uint32_t>(information.si_timerid);
        record.ssi_overrun = static_cast<uint32_t>(information.si_overrun);
    } else if (information.si_code > SI_USER && information.si_code < SI_KERNEL && (faults & signal::signal_bit(information.si_signo))) {
        record.ssi_addr = VirtualAddress{information.si_addr}.value;
        return record;
    } else {
        record.ssi_pid = static_cast<uint32_t>(information.si_pid);
        record.ssi_uid = information.si_uid;
    }
    record.ssi_ptr = VirtualAddress{information.si_value.sival_ptr}.value;
    record.ssi_int = information.si_value.sival_int;
    return record;
}

class SignalFile final : public fs::AnonymousFile {
public:
    SignalFile(uint64_t signals, uint32_t flags) : AnonymousFile{"signalfd", O_RDWR | flags}, signals_{signals} {}

    // As many records as fit and are there; only the first is waited for.
    [[nodiscard]] Result<size_t> read(fs::IoBuffer& buffer) override {
        if (buffer.remaining() < sizeof(signalfd_siginfo)) return Error{EINVAL};
        // A signal that was taken cannot be given back.
        buffer.wait_for_memory();
        size_t done = 0;
        while (buffer.remaining() >= sizeof(signalfd_siginfo)) {
            const auto taken = signal::receive(signals_, done == 0 && !nonblocking());
            if (!taken.ok()) return done != 0 ? Result<size_t>{done} : taken.error();
            const signalfd_siginfo record = record_of(taken.value());
            if (buffer.put(&record, sizeof record) != sizeof record) return done != 0 ? Result<size_t>{done} : Error{EFAULT};
            done += sizeof record;
        }
        return done;
    }
    [[nodiscard]] Result<size_t> write(fs::IoBuffer&) override { return Error{EINVAL}; }
    // For the thread that asks: what another one could read does not count.
    [[nodiscard]] uint32_t readiness() override { return (signal::pending() & signals_.load()) != 0 ? POLLIN : 0; }
    [[nodiscard]] fs::ReadinessSource* readiness_source() override { return &signal::readiness_source(); }
    [[nodiscard]] fs::FileKind kind() const override { return fs::FileKind::Signals; }
    void set(uint64_t signals) {
        signals_ = signals;
        signal::look_again();
    }

private:
    std::atomic<uint64_t> signals_;
};

}  // namespace

Result<Ref<fs::File>> create_signal_file(uint64_t signals, uint32_t flags) { return Ref<fs::File>{TRY(make_ref<SignalFile>(signals, flags))}; }

void set_signal_file(fs::File& file, uint64_t signals) { static_cast<SignalFile&>(file).set(signals); }

}  // namespace eremite::ipc
