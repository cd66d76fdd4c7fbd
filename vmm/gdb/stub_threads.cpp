// The packets that ask what there is: threads, features, descriptions.
#include <algorithm>

#include "vmm/gdb/hex.hpp"
#include "vmm/gdb/stub.hpp"

namespace eremite::vmm::gdb {

namespace {

// Linux's numbers, which are GDB's for these.
constexpr uint8_t sigint = 2, sigtrap = 5;

}  // namespace

std::optional<Stub::Thread> Stub::take_thread(std::string_view& words) const {
    if (skip(words, "-1")) return Thread{.which = Thread::Which::All};
    const auto number = take_number(words);
    if (!number || *number > target_.processors()) return std::nullopt;
    if (*number == 0) return Thread{.which = Thread::Which::Any};
    return Thread{.which = Thread::Which::One, .processor = *number - 1};
}

std::string Stub::choose_thread(std::string_view words) {
    if (words.empty()) return "E01";
    const char purpose = words[0];
    words.remove_prefix(1);
    const auto thread = take_thread(words);
    if (!thread || !words.empty()) return "E01";
    const bool one = thread->which == Thread::Which::One;
    if (purpose == 'g') {
        if (one) general_ = thread->processor;
    } else if (purpose == 'c') {
        steps_ = one ? std::optional{thread->processor} : std::nullopt;
    } else {
        return {};
    }
    return "OK";
}

std::string Stub::stop_reply() const {
    std::string reply{"T"};
    append_hex(reply, stop_.reason == Stop::Reason::Interrupted ? sigint : sigtrap);
    reply += "thread:" + hex_of(uint64_t{stop_.processor} + 1) + ";";
    switch (stop_.reason) {
        case Stop::Reason::Interrupted:
        case Stop::Reason::Stepped: break;
        case Stop::Reason::SoftwareBreakpoint:
            if (tells_software_breakpoints_) reply += "swbreak:;";
            break;
        case Stop::Reason::HardwareBreakpoint:
            if (tells_hardware_breakpoints_) reply += "hwbreak:;";
            break;
        case Stop::Reason::WatchWrites: reply += "watch:" + hex_of(stop_.address) + ";"; break;
        case Stop::Reason::WatchReads: reply += "rwatch:" + hex_of(stop_.address) + ";"; break;
        case Stop::Reason::WatchAccesses: reply += "awatch:" + hex_of(stop_.address) + ";"; break;
    }
    return reply;
}

std::string Stub::answer_query(std::string_view packet) {
    std::string_view words = packet;
    if (words == "qC") return "QC" + hex_of(uint64_t{general_} + 1);
    if (words == "qAttached") return "1";
    if (words == "qfThreadInfo") return thread_list();
    if (words == "qsThreadInfo") return "l";
    if (words == "QStartNoAckMode") {
        leaves_off_acknowledging_ = true;
        return "OK";
    }
    if (skip(words, "qThreadExtraInfo,")) return thread_description(words);
    if (skip(words, "qXfer:features:read:target.xml:")) return part_of_description(words);
    if (words.starts_with("qXfer:features:read:")) return "E00";
    if (words == "qSupported" || words.starts_with("qSupported:")) return supported(words);
    return {};
}

std::string Stub::supported(std::string_view wishes) {
    const auto wants = [&](std::string_view feature) { return wishes.find(feature) != std::string_view::npos; };
    tells_software_breakpoints_ = wants("swbreak+");
    tells_hardware_breakpoints_ = wants("hwbreak+");
    return "PacketSize=" + hex_of(uint64_t{PacketReader::longest}) + ";QStartNoAckMode+;qXfer:features:read+;vContSupported+;swbreak+;hwbreak+";
}

// m: there is more behind it, l: it is the last.
std::string Stub::part_of_description(std::string_view range) const {
    const auto offset = take_number(range);
    const auto length = offset && skip(range, ",") ? take_number(range) : std::nullopt;
    const std::string all = target_description();
    if (!length || *offset > all.size()) return "E00";
    // Bytes that are escaped take two.
    const uint64_t most = std::min<uint64_t>(*length, PacketReader::longest / 2 - 1);
    return (all.size() - *offset > most ? "m" : "l") + all.substr(*offset, most);
}

std::string Stub::thread_list() const {
    std::string reply{"m"};
    for (size_t i = 0; i < target_.processors(); ++i) reply += (i != 0 ? "," : "") + hex_of(uint64_t{i} + 1);
    return reply;
}

std::string Stub::thread_description(std::string_view words) const {
    const auto thread = take_thread(words);
    if (!thread || thread->which != Thread::Which::One) return "E01";
    const std::string text = target_.describe(thread->processor);
    return hex_of(std::as_bytes(std::span{text}));
}

}  // namespace eremite::vmm::gdb
