#include "libos/trace/arguments.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>

#include "base/restart.hpp"
#include "libos/mm/user_memory.hpp"
#include "libos/trace/name_sets.hpp"
#include "libos/trace/special.hpp"
#include "libos/trace/structures.hpp"
#include "libos/trace/values.hpp"

namespace eremite::trace {

namespace {

// "[0 1]": the numbers of the bits that are set.
void write_bits(TextSink& out, VirtualAddress address, uint64_t bits) {
    constexpr uint64_t most_bits = 1024;
    uint8_t bytes[most_bits / 8];
    bits = std::min(bits, most_bits);
    if (address.value == 0 || !mm::copy_from_user(bytes, address, (bits + 7) / 8).ok()) return write_pointer(out, address.value);
    out.write("[");
    bool first = true;
    for (uint64_t bit = 0; bit < bits; ++bit) {
        if (!(bytes[bit / 8] >> bit % 8 & 1)) continue;
        format(out, first ? "{}" : " {}", bit);
        first = false;
    }
    out.write("]");
}

// `size`: of the bytes that are there, which fill one after the other.
void write_io_vectors(TextSink& out, VirtualAddress address, uint64_t count, uint64_t size) {
    constexpr uint64_t most_shown = 16;
    for (uint64_t i = 0; i < std::min(count, most_shown); ++i) {
        const auto loaded = mm::UserPtr<iovec>{address + i * sizeof(iovec)}.load();
        if (!loaded.ok() && i == 0) return write_pointer(out, address.value);
        out.write(i == 0 ? "[" : ", ");
        if (!loaded.ok()) {
            out.write("...");
            break;
        }
        const iovec& vector = loaded.value();
        out.write("{iov_base=");
        const uint64_t filled = std::min<uint64_t>(vector.iov_len, size);
        write_buffer(out, VirtualAddress{vector.iov_base}, filled);
        size -= filled;
        format(out, ", iov_len={}}", vector.iov_len);
    }
    if (count == 0) out.write("[");
    out.write(count > most_shown ? ", ...]" : "]");
}

void write_message(TextSink& out, VirtualAddress address, uint64_t size) {
    const auto loaded = mm::UserPtr<msghdr>{address}.load();
    if (!loaded.ok()) return write_pointer(out, address.value);
    const msghdr& message = loaded.value();
    out.write("{msg_name=");
    write_pointer(out, VirtualAddress{message.msg_name}.value);
    format(out, ", msg_namelen={}, msg_iov=", message.msg_namelen);
    write_io_vectors(out, VirtualAddress{message.msg_iov}, message.msg_iovlen, size);
    format(out, ", msg_iovlen={}, msg_controllen={}, msg_flags=", message.msg_iovlen, message.msg_controllen);
    write_names(out, Kind::MessageFlags, static_cast<uint32_t>(message.msg_flags));
    out.write("}");
}

Kind codes_of(int signal) {
    switch (signal) {
    case SIGSEGV: return Kind::SegvCode;
    case SIGBUS: return Kind::BusCode;
    case SIGFPE: return Kind::FpeCode;
    case SIGILL: return Kind::IllCode;
    case SIGTRAP: return Kind::TrapCode;
    default: return Kind::SignalCode;
    }
}

// What is no flag has 32 bits, whatever else the register holds.
uint64_t relevant_bits(Kind kind, uint64_t value) {
    const bool is_int = is_names(kind) || kind == Kind::Signal || kind == Kind::Octal || kind == Kind::FileMode || kind == Kind::FutexOperation;
    return is_int ? static_cast<uint32_t>(value) : value;
}

}  // namespace

void write_fd_set(TextSink& out, VirtualAddress set, unsigned count) { write_bits(out, set, count); }

void write_signal_information(TextSink& out, const siginfo_t& information) {
    const int signal = information.si_signo, code = information.si_code;
    out.write("{si_signo=");
    write_value(out, Kind::Signal, static_cast<uint32_t>(signal));
    out.write(", si_code=");
    // Up to zero, and from the kernel itself, they are the same for all signals.
    const bool is_fault = code > 0 && code < SI_KERNEL && codes_of(signal) != Kind::SignalCode;
    const Kind codes = is_fault ? codes_of(signal) : Kind::SignalCode;
    if (short_name(codes, static_cast<uint32_t>(code)).empty()) format(out, "{}", code);
    else write_names(out, codes, static_cast<uint32_t>(code));
    if (is_fault) {
        out.write(", si_addr=");
        write_pointer(out, VirtualAddress{information.si_addr}.value);
    } else if (code == SI_TIMER) {
        format(out, ", si_timerid={}, si_overrun={}", information.si_timerid, information.si_overrun);
    } else if (code <= 0) {
        format(out, ", si_pid={}, si_uid={}", information.si_pid, information.si_uid);
    }
    if (code == SI_QUEUE || code == SI_TIMER) format(out, ", si_value={:x}", VirtualAddress{information.si_ptr}.value);
    out.write("}");
}

void write_argument(TextSink& out, const Call& call, unsigned index, Argument argument) {
    const uint64_t value = call.arguments[index];
    const VirtualAddress address{value};
    const Kind kind = argument.kind();
    const auto argument_at = [&call](unsigned at) { return at < 6 ? call.arguments[at] : 0; };
    const auto result = static_cast<uint64_t>(call.result);
    if (kind == Kind::Remaining) {
        const bool interrupted = call.failed() && (call.result == -EINTR || is_restart(-call.result));
        return interrupted ? write_structure(out, Kind::Timespec, address, 1) : write_pointer(out, value);
    }
    if (argument.written() && call.failed()) return write_pointer(out, value);
    switch (kind) {
    case Kind::Path: return write_string(out, address, longest_path);
    case Kind::Text: return write_string(out, address, longest_text);
    case Kind::Buffer: {
        const uint64_t size = argument_at(index + 1);
        return write_buffer(out, address, argument.written() ? std::min(size, result) : size);
    }
    case Kind::IoVectors: return write_io_vectors(out, address, static_cast<uint32_t>(argument_at(index + 1)), argument.written() ? result : ~uint64_t{0});
    case Kind::Message: return write_message(out, address, argument.written() ? result : ~uint64_t{0});
    case Kind::SignalInformation: {
        const auto information = mm::UserPtr<siginfo_t>{address}.load();
        return information.ok() ? write_signal_information(out, information.value()) : write_pointer(out, value);
    }
    case Kind::CpuSet: return write_bits(out, address, 8 * (argument.written() ? result : argument_at(index - 1)));
    case Kind::FdSet: return write_fd_set(out, address, static_cast<unsigned>(std::max(static_cast<int>(call.arguments[0]), 0)));
    case Kind::Special: return write_special_argument(out, call, index);
    default: break;
    }
    if (!is_structure(kind)) return write_value(out, kind, relevant_bits(kind, value));
    write_structure(out, kind, address, number_of(kind) == Number::Result ? result : argument_at(index + 1));
}

}  // namespace eremite::trace
