#include "tests/unit/netstack/script.hpp"

#include <sstream>

#include "netstack/wire/checksum.hpp"

namespace eremite::test {

using net::TcpHeader;

namespace {

constexpr Duration tolerance = Duration::milliseconds(2);

const std::map<char, uint8_t>& flag_letters() {
    static const std::map<char, uint8_t> letters{{'S', TcpHeader::syn}, {'F', TcpHeader::fin}, {'R', TcpHeader::rst}, {'P', TcpHeader::psh},
                                                 {'.', TcpHeader::ack}, {'E', TcpHeader::ece}, {'W', TcpHeader::cwr}};
    return letters;
}

// "0:10(10)", "ack 5", "win 7", "<mss 1460,sack 1:2 3:4>", "ce"
struct Line {
    uint8_t flags = 0;
    std::optional<uint32_t> start, length, ack;
    std::optional<uint16_t> window;
    std::string options;
    uint8_t traffic_class = 0;
    std::optional<uint16_t> segment_size;
};

std::string parse(std::istream& words, Line& line) {
    std::string word;
    if (!(words >> word)) return "flags are missing";
    for (char c : word) {
        const auto flag = flag_letters().find(c);
        if (flag == flag_letters().end()) return "unknown flag in " + word;
        line.flags |= flag->second;
    }
    while (words >> word) {
        if (word == "ack") {
            uint32_t v;
            words >> v;
            line.ack = v;
        } else if (word == "win") {
            uint16_t v;
            words >> v;
            line.window = v;
        } else if (word == "ce") {
            line.traffic_class = 3;
        } else if (word == "ect0") {
            line.traffic_class = 2;
        } else if (word == "gso") {
            uint16_t v;
            words >> v;
            line.segment_size = v;
        } else if (word.front() == '<') {
            line.options = word;
            while (line.options.back() != '>' && words >> word) line.options += ' ' + word;
            line.options = line.options.substr(1, line.options.size() - 2);
        } else if (word.find(':') != word.npos) {
            unsigned start, end, length;
            if (std::sscanf(word.c_str(), "%u:%u(%u)", &start, &end, &length) != 3 || start + length != end) return "bad range " + word;
            line.start = start;
            line.length = length;
        } else {
            return "unknown word " + word;
        }
        if (!words) return "a number is missing";
    }
    return {};
}

}  // namespace

Script::Script() = default;

Script::~Script() {
    if (!host_) return;
    if (connection_) connection_->abort();
    if (listener_) host_->stack.tcp().close(*listener_);
    host_->stack.flush();
}

void Script::start() {
    if (host_) return;
    host_ = std::make_unique<Host>(1, options_);
    host_->stack.advance(now_);
    if (!host_->interface->add_address(ours_.address, 24).ok() ||
        !host_->interface->neighbours().add_permanent(theirs_.address, Host::mac(2)).ok())
        std::abort();
    flush();
    host_->device.sent = [this](const Bytes& frame, const net::Offload& offload) { capture(frame, offload); };
}

void Script::capture(const Bytes& frame, const net::Offload& offload) {
    constexpr size_t ip = 14, tcp = 34;
    if (frame.size() < tcp + 20 || frame[ip + 9] != 6) return;
    Sent sent{};
    sent.header = net::load_raw<TcpHeader>(&frame[tcp]);
    const size_t header = sent.header.header_length();
    net::parse_tcp_options({&frame[tcp + 20], header - 20}, sent.options);
    sent.length = static_cast<uint32_t>(frame.size() - tcp - header);
    sent.traffic_class = frame[ip + 1];
    sent.segment_size = offload.segment_size;
    sent.at = now_;
    if (sent.header.flags & TcpHeader::syn) {
        our_initial_ = sent.header.sequence;
        if (first_timestamp_ == 0) first_timestamp_ = sent.options.timestamp;
        ours_.port = sent.header.source_port;
    }
    if (sent.options.has_timestamps) our_timestamp_ = sent.options.timestamp;
    sent_.push_back(sent);
}

void Script::advance(Duration time) {
    const Instant end = now_ + time;
    for (;;) {
        flush();
        const Instant next = host_->stack.next_deadline();
        if (next > end) break;
        now_ = std::max(now_, next);
        host_->stack.advance(now_);
    }
    now_ = end;
    host_->stack.advance(now_);
    flush();
}

std::string Script::run(const std::string& text) {
    std::istringstream lines{text};
    std::string one;
    for (int number = 1; std::getline(lines, one); ++number) {
        if (const size_t comment = one.find('#'); comment != one.npos) one.resize(comment);
        if (const std::string wrong = line(one); !wrong.empty()) return "line " + std::to_string(number) + ": " + one + "\n    " + wrong;
    }
    if (!sent_.empty()) return "at the end there is " + describe(sent_.front(), our_initial_, their_initial_);
    return {};
}

std::string Script::line(const std::string& text) {
    std::istringstream words{text};
    std::string word;
    if (!(words >> word)) return {};
    Duration wait{};
    bool timed = false;
    if (word.front() == '+') {
        wait = Duration{static_cast<int64_t>(std::stod(word.substr(1)) * 1e9)};
        // Counted from the last event, which may be a little before now.
        wait = std::max(reference_ + wait - now_, Duration{});
        timed = true;
        if (!(words >> word)) return "nothing follows the time";
    }
    if (word == "option" || word == "set") return command(word, words);
    start();
    if (word == ">") {
        if (timed) {
            if (!sent_.empty()) return "too early: " + describe(sent_.front(), our_initial_, their_initial_);
            if (wait > tolerance) advance(wait - tolerance);
            if (!sent_.empty()) return "too early: " + describe(sent_.front(), our_initial_, their_initial_);
            advance(wait > tolerance ? tolerance + tolerance : wait + tolerance);
        }
        return expect(words);
    }
    if (timed) advance(wait);
    reference_ = now_;
    if (word == "<") return inject(words);
    return call(word, words);
}

std::string Script::inject(std::istream& words) {
    Line line;
    if (std::string wrong = parse(words, line); !wrong.empty()) return wrong;
    net::TcpOptions options;
    std::istringstream list{line.options};
    for (std::string option; std::getline(list, option, ',');) {
        std::istringstream o{option};
        std::string name;
        o >> name;
        unsigned number = 0;
        if (name == "mss" && o >> number) {
            options.mss = static_cast<uint16_t>(number);
        } else if (name == "wscale" && o >> number) {
            options.has_window_scale = true;
            options.window_scale = static_cast<uint8_t>(number);
        } else if (name == "sackOK") {
            options.sack_permitted = true;
        } else if (name == "TS") {
            // "TS 100": with the value 100, echoing what we sent last; "TS 100 ecr N": what our SYN had, and N.
            options.has_timestamps = true;
            o >> options.timestamp;
            options.timestamp_echo = our_timestamp_;
            if (std::string ecr; o >> ecr && ecr == "ecr" && o >> number) options.timestamp_echo = first_timestamp_ + number;
        } else if (name == "sack") {
            for (std::string block; o >> block;) {
                unsigned from, to;
                if (std::sscanf(block.c_str(), "%u:%u", &from, &to) != 2) return "bad block " + block;
                options.sacks[options.sack_count++] = {our_initial_ + from, our_initial_ + to};
            }
        } else {
            return "unknown option " + option;
        }
    }
    std::array<uint8_t, 40> option_bytes;
    const size_t option_length = net::write_tcp_options(option_bytes.data(), options);
    const size_t length = line.length.value_or(0), tcp_length = 20 + option_length + length;
    Bytes frame(34 + tcp_length, 'x');
    auto& ethernet = *reinterpret_cast<net::EthernetHeader*>(frame.data());
    ethernet = {Host::mac(1), Host::mac(2), 0x0800};
    net::write_ipv4(*reinterpret_cast<net::Ipv4Header*>(&frame[14]), theirs_.address, ours_.address, net::Protocol::Tcp, 20 + tcp_length, 64,
                    line.traffic_class, 1, net::Ipv4Header::dont_fragment);
    auto& tcp = *reinterpret_cast<TcpHeader*>(&frame[34]);
    tcp = {theirs_.port, ours_.port, their_initial_ + line.start.value_or(0), line.ack ? our_initial_ + *line.ack : 0,
           static_cast<uint8_t>((20 + option_length) / 4 << 4), line.flags, line.window.value_or(65535), 0, 0};
    std::copy_n(option_bytes.begin(), option_length, frame.begin() + 54);
    net::ChecksumSum sum;
    sum.add_pseudo_header(theirs_.address, ours_.address, 6, static_cast<uint32_t>(tcp_length));
    sum.add({&frame[34], tcp_length});
    tcp.checksum.set_raw(sum.checksum());
    host_->receive(frame);
    flush();
    return {};
}

std::string Script::expect(std::istream& words) {
    Line line;
    if (std::string wrong = parse(words, line); !wrong.empty()) return wrong;
    flush();
    if (sent_.empty()) return "nothing was sent";
    const Sent sent = sent_.front();
    sent_.pop_front();
    reference_ = sent.at;
    const std::string was = "it is " + describe(sent, our_initial_, their_initial_);
    constexpr uint8_t compared =
        TcpHeader::syn | TcpHeader::fin | TcpHeader::rst | TcpHeader::ack | TcpHeader::ece | TcpHeader::cwr | TcpHeader::psh;
    if ((sent.header.flags & compared) != line.flags) return "flags: " + was;
    if (line.start && sent.header.sequence - our_initial_ != *line.start) return "sequence: " + was;
    if (line.length && sent.length != *line.length) return "length: " + was;
    if (line.ack && sent.header.acknowledgement - their_initial_ != *line.ack) return "acknowledgement: " + was;
    if (line.window && sent.header.window != *line.window) return "window: " + was;
    if (line.traffic_class && (sent.traffic_class & 3) != line.traffic_class)
        return "ECN field " + std::to_string(sent.traffic_class & 3) + ": " + was;
    if (line.segment_size && sent.segment_size != *line.segment_size) return "segment size: " + was;
    std::istringstream list{line.options};
    for (std::string option; std::getline(list, option, ',');) {
        std::istringstream o{option};
        std::string name;
        o >> name;
        unsigned number = 0;
        const bool given = static_cast<bool>(o >> number);
        if (name == "mss" && sent.options.mss != number) return "mss: " + was;
        if (name == "wscale" && (!sent.options.has_window_scale || (given && sent.options.window_scale != number))) return "wscale: " + was;
        if (name == "sackOK" && !sent.options.sack_permitted) return "sackOK: " + was;
        if (name == "TS" && (!sent.options.has_timestamps || (given && sent.options.timestamp_echo != number))) return "TS: " + was;
        if (name == "none" &&
            (sent.options.has_timestamps || sent.options.sack_count || sent.options.sack_permitted || sent.options.has_window_scale))
            return "options: " + was;
        if (name == "nosack" && sent.options.sack_count != 0) return "sack: " + was;
        if (name == "sack") {
            std::istringstream blocks{option};
            blocks >> name;
            unsigned i = 0;
            for (std::string block; blocks >> block; ++i) {
                unsigned from, to;
                if (std::sscanf(block.c_str(), "%u:%u", &from, &to) != 2) return "bad block " + block;
                if (i >= sent.options.sack_count || sent.options.sacks[i].start - their_initial_ != from ||
                    sent.options.sacks[i].end - their_initial_ != to)
                    return "sack: " + was;
            }
            if (i != sent.options.sack_count) return "number of blocks: " + was;
        }
    }
    return {};
}

std::string Script::describe(const Sent& sent, uint32_t ours, uint32_t theirs) {
    std::ostringstream text;
    for (const auto& [letter, flag] : flag_letters())
        if (sent.header.flags & flag) text << letter;
    const uint32_t start = sent.header.sequence - ours;
    text << ' ' << start << ':' << start + sent.length << '(' << sent.length << ") ack " << sent.header.acknowledgement - theirs << " win "
         << sent.header.window;
    const auto& o = sent.options;
    if (o.mss) text << " mss " << o.mss;
    if (o.has_window_scale) text << " wscale " << int{o.window_scale};
    if (o.sack_permitted) text << " sackOK";
    if (o.has_timestamps) text << " TS ecr " << o.timestamp_echo;
    for (unsigned i = 0; i < o.sack_count; ++i) text << " sack " << o.sacks[i].start - theirs << ':' << o.sacks[i].end - theirs;
    if (sent.segment_size) text << " gso " << sent.segment_size;
    return text.str();
}

}  // namespace eremite::test
