#include "vmm/gdb/stub.hpp"

#include <algorithm>

#include "vmm/gdb/hex.hpp"

namespace eremite::vmm::gdb {

namespace {

constexpr std::string_view ok = "OK", unsupported;

}  // namespace

Stub::Stub(Target& target, std::function<void(std::string_view)> send) : target_{target}, send_{std::move(send)} {}

void Stub::connect() {
    target_.stop();
    reader_ = {};
    last_packet_.clear();
    connected_ = acknowledges_ = true;
    over_ = runs_ = leaves_off_acknowledging_ = tells_software_breakpoints_ = tells_hardware_breakpoints_ = false;
    stop_ = {};
    general_ = 0;
    steps_.reset();
}

void Stub::disconnect() {
    if (!connected_) return;
    connected_ = false;
    over_ = true;
    if (runs_) target_.stop();
    target_.remove_all();
    run(std::vector<Action>(target_.processors(), Action{.kind = Action::Kind::Continue}));
}

void Stub::take(std::string_view bytes) {
    for (const char byte : bytes) {
        if (over_) return;
        switch (reader_.take(byte)) {
            case PacketReader::Event::None: break;
            case PacketReader::Event::Interrupt:
                if (!runs_) break;
                target_.stop();
                stopped({.reason = Stop::Reason::Interrupted, .processor = stop_.processor, .address = 0});
                break;
            case PacketReader::Event::Damaged:
                if (acknowledges_) send_("-");
                break;
            case PacketReader::Event::Repeat:
                if (acknowledges_ && !last_packet_.empty()) send_(last_packet_);
                break;
            case PacketReader::Event::Packet:
                if (acknowledges_) send_("+");
                handle(reader_.payload());
                break;
        }
    }
}

void Stub::handle(std::string_view packet) {
    // GDB waits for the stop first, but it may end the machine.
    if (runs_ && !packet.starts_with("k") && !packet.starts_with("vKill")) return;
    const bool ran = runs_;
    const std::string reply = answer(packet);
    // What let it go is answered by its next stop, and k by nothing.
    if ((runs_ && !ran && !over_) || (over_ && reply.empty())) return;
    send(reply);
    if (leaves_off_acknowledging_) acknowledges_ = false;
}

void Stub::send(std::string_view payload) {
    last_packet_ = packet_of(payload);
    send_(last_packet_);
}

void Stub::stopped(const Stop& stop) {
    if (!connected_ || !runs_) return;
    runs_ = false;
    stop_ = stop;
    general_ = stop.processor;
    steps_.reset();
    send(stop_reply());
}

void Stub::ended(std::optional<uint8_t> status) {
    if (!connected_ || over_) return;
    over_ = true;
    constexpr uint8_t sigkill = 9;
    std::string reply{status ? "W" : "X"};
    append_hex(reply, status.value_or(sigkill));
    if (runs_) send(reply);
}

std::string Stub::answer(std::string_view packet) {
    if (packet.empty()) return std::string{unsupported};
    const std::string_view words = packet.substr(1);
    switch (packet[0]) {
        case '?': return stop_reply();
        case 'g': return read_registers();
        case 'G': return write_registers(words);
        case 'p': return read_register(words);
        case 'P': return write_register(words);
        case 'm': return read_memory(words);
        case 'M': return write_memory(words, false);
        case 'X': return write_memory(words, true);
        case 'Z': return change_breakpoint(words, true);
        case 'z': return change_breakpoint(words, false);
        case 'c':
        case 'C': return resume_by_letter(words, Action::Kind::Continue);
        case 's':
        case 'S': return resume_by_letter(words, Action::Kind::Step);
        case 'H': return choose_thread(words);
        case 'T': {
            std::string_view rest = words;
            const auto thread = take_thread(rest);
            return thread && thread->which == Thread::Which::One ? std::string{ok} : "E01";
        }
        case 'D':
            disconnect();
            return std::string{ok};
        case 'k': return kill({});
        case 'q':
        case 'Q': return answer_query(packet);
        case 'v': return answer_v(packet);
        default: return std::string{unsupported};
    }
}

std::string Stub::kill(std::string reply) {
    over_ = true;
    connected_ = false;
    target_.kill();
    return reply;
}

std::string Stub::answer_v(std::string_view packet) {
    constexpr std::string_view continue_list = "vCont";
    if (packet == "vCont?") return "vCont;c;C;s;S;r";
    if (packet.starts_with("vCont;")) return resume_by_list(packet.substr(continue_list.size()));
    if (packet.starts_with("vKill")) return kill(std::string{ok});
    return std::string{unsupported};
}

void Stub::run(std::span<const Action> actions) {
    runs_ = true;
    target_.resume(actions);
}

// c, s: an address to go on from; C, S: a signal, which no machine takes, and then perhaps an address.
std::string Stub::resume_by_letter(std::string_view words, Action::Kind kind) {
    if (const size_t address = words.find(';'); address != std::string_view::npos) words.remove_prefix(address + 1);
    else if (!words.empty() && words.size() <= 2) words = {};
    if (const auto address = take_number(words)) {
        RegisterFile registers;
        const size_t processor = steps_.value_or(stop_.processor);
        if (!target_.read_registers(processor, registers)) return "E01";
        registers.set(Rip, *address);
        if (!target_.write_registers(processor, registers)) return "E01";
    }
    // Without a choice a step is one processor's, and the others go on meanwhile, as GDB has it.
    std::vector<Action> actions(target_.processors(), Action{.kind = steps_ ? Action::Kind::Stand : Action::Kind::Continue});
    actions[steps_.value_or(stop_.processor)].kind = kind;
    run(actions);
    return {};
}

// vCont: the first action that names a thread is its own; who is in none stands.
std::string Stub::resume_by_list(std::string_view words) {
    std::vector<Action> actions(target_.processors());
    std::vector<bool> has_action(actions.size());
    while (skip(words, ";")) {
        Action action;
        const char letter = words.empty() ? '\0' : words[0];
        if (letter == 'c' || letter == 'C' || letter == 's' || letter == 'S') {
            words.remove_prefix(1);
            action.kind = letter == 'c' || letter == 'C' ? Action::Kind::Continue : Action::Kind::Step;
            // With a signal, which no machine takes.
            if ((letter == 'C' || letter == 'S') && !take_number(words)) return "E01";
        } else if (skip(words, "r")) {
            const auto from = take_number(words);
            const auto end = skip(words, ",") ? take_number(words) : std::nullopt;
            if (!from || !end) return "E01";
            action = Action{.kind = Action::Kind::Step, .from = *from, .end = *end};
        } else {
            return "E01";
        }
        Thread thread{.which = Thread::Which::All};
        if (skip(words, ":")) {
            const auto named = take_thread(words);
            if (!named) return "E01";
            thread = *named;
        }
        if (thread.which == Thread::Which::Any) thread = {.which = Thread::Which::One, .processor = stop_.processor};
        for (size_t i = 0; i < actions.size(); ++i) {
            if (has_action[i] || (thread.which == Thread::Which::One && i != thread.processor)) continue;
            actions[i] = action;
            has_action[i] = true;
        }
    }
    // With nobody to run there would be no next stop.
    if (!words.empty() || std::ranges::find(has_action, true) == has_action.end()) return "E01";
    run(actions);
    return {};
}

}  // namespace eremite::vmm::gdb
