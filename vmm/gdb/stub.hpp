#pragma once
// The machine's side of GDB's remote serial protocol (GDB's manual, appendix E): a processor is a thread, and all stand or all have been let go
// ("all-stop"). It knows nothing of KVM or sockets.
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "vmm/gdb/packet.hpp"
#include "vmm/gdb/target.hpp"

namespace eremite::vmm::gdb {

class Stub {
public:
    // `send` takes bytes for GDB, whole packets; `target` lives as long.
    Stub(Target& target, std::function<void(std::string_view)> send);

    // Someone is there: the machine stands.
    void connect();
    // Nobody is there any more: the machine goes on without breakpoints. Does nothing if it is so.
    void disconnect();
    // Bytes from GDB.
    void take(std::string_view bytes);
    // A processor has come to a stop, and all stand.
    void stopped(const Stop& stop);
    // The machine has ended, with this status, or as if by SIGKILL.
    void ended(std::optional<uint8_t> status);
    // GDB is done with us.
    [[nodiscard]] bool is_over() const { return over_; }

private:
    void handle(std::string_view packet);
    [[nodiscard]] std::string answer(std::string_view packet);
    [[nodiscard]] std::string answer_query(std::string_view packet);
    [[nodiscard]] std::string answer_v(std::string_view packet);
    [[nodiscard]] std::string supported(std::string_view wishes);
    [[nodiscard]] std::string part_of_description(std::string_view range) const;
    [[nodiscard]] std::string thread_list() const;
    [[nodiscard]] std::string thread_description(std::string_view thread) const;
    [[nodiscard]] std::string stop_reply() const;
    [[nodiscard]] std::string choose_thread(std::string_view words);
    [[nodiscard]] std::string read_registers();
    [[nodiscard]] std::string write_registers(std::string_view hex);
    [[nodiscard]] std::string read_register(std::string_view number);
    [[nodiscard]] std::string write_register(std::string_view words);
    [[nodiscard]] std::string read_memory(std::string_view range);
    [[nodiscard]] std::string write_memory(std::string_view words, bool binary);
    [[nodiscard]] std::string change_breakpoint(std::string_view words, bool insert);
    [[nodiscard]] std::string resume_by_letter(std::string_view words, Action::Kind kind);
    [[nodiscard]] std::string resume_by_list(std::string_view words);
    [[nodiscard]] std::string kill(std::string reply);
    void run(std::span<const Action> actions);
    void send(std::string_view payload);

    // A processor by GDB's number, 1 being the first. 0: any, -1: all.
    struct Thread {
        enum class Which : uint8_t { One, Any, All } which = Which::Any;
        size_t processor = 0;
    };
    [[nodiscard]] std::optional<Thread> take_thread(std::string_view& words) const;

    Target& target_;
    std::function<void(std::string_view)> send_;
    PacketReader reader_;
    std::string last_packet_;
    bool connected_ = false, over_ = false;
    bool runs_ = true;
    bool acknowledges_ = true, leaves_off_acknowledging_ = false;
    bool tells_software_breakpoints_ = false, tells_hardware_breakpoints_ = false;
    Stop stop_;
    size_t general_ = 0;            // the processor that registers and memory are of
    std::optional<size_t> steps_;   // that c and s are about; nothing: all
};

}  // namespace eremite::vmm::gdb
