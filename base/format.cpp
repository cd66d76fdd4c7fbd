#include "base/format.hpp"

#include <algorithm>
#include <array>

namespace eremite {

namespace {

struct Specification {
    unsigned width = 0;
    bool hexadecimal = false;
    bool zero_padded = false;
    bool left = false;
};

// Parses what stands between ':' and '}'. Unknown characters are skipped.
Specification parse(std::string_view text) {
    Specification s;
    for (char c : text) {
        if (c == '<') s.left = true;
        else if (c == 'x') s.hexadecimal = true;
        else if (c == '0' && s.width == 0) s.zero_padded = true;
        else if (c >= '0' && c <= '9') s.width = std::min(s.width * 10 + unsigned(c - '0'), 64u);
    }
    return s;
}

using Digits = std::array<char, 24>;

std::string_view to_text(uint64_t value, unsigned base, Digits& buffer) {
    size_t at = buffer.size();
    do {
        buffer[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    return {buffer.data() + at, buffer.size() - at};
}

void pad(TextSink& sink, size_t count, char c) {
    for (; count > 0; --count) sink.write({&c, 1});
}

void write_argument(TextSink& sink, const FormatArgument& a, Specification s) {
    using Kind = FormatArgument::Kind;
    Digits digits;
    char character = static_cast<char>(a.number);
    std::string_view prefix;
    std::string_view body;
    switch (a.kind) {
    case Kind::Text: body = a.text; break;
    case Kind::Character: body = {&character, 1}; break;
    case Kind::Boolean: body = a.number ? "true" : "false"; break;
    case Kind::Pointer:
        prefix = "0x";
        body = to_text(a.number, 16, digits);
        break;
    case Kind::Signed:
        if (static_cast<int64_t>(a.number) < 0 && !s.hexadecimal) {
            prefix = "-";
            body = to_text(-a.number, 10, digits);
            break;
        }
        [[fallthrough]];
    case Kind::Unsigned:
        if (s.hexadecimal) prefix = "0x";
        body = to_text(a.number, s.hexadecimal ? 16 : 10, digits);
        break;
    }
    const size_t length = prefix.size() + body.size();
    const size_t padding = s.width > length ? s.width - length : 0;
    if (!s.left && !s.zero_padded) pad(sink, padding, ' ');
    sink.write(prefix);
    if (s.zero_padded) pad(sink, padding, '0');
    sink.write(body);
    if (s.left) pad(sink, padding, ' ');
}

}  // namespace

void BufferSink::write(std::string_view text) {
    const size_t room = buffer_.size() - length_;
    if (text.size() > room) {
        truncated_ = true;
        text = text.substr(0, room);
    }
    std::copy(text.begin(), text.end(), buffer_.begin() + static_cast<ptrdiff_t>(length_));
    length_ += text.size();
}

void format_to(TextSink& sink, std::string_view format, std::span<const FormatArgument> arguments) {
    size_t next = 0;
    while (!format.empty()) {
        const size_t open = std::min(format.find('{'), format.size());
        sink.write(format.substr(0, open));
        format.remove_prefix(open);
        if (format.empty()) return;
        const size_t close = format.find('}');
        if (close == std::string_view::npos || next == arguments.size()) {
            sink.write(format);
            return;
        }
        std::string_view inside = format.substr(1, close - 1);
        if (inside.starts_with(':')) inside.remove_prefix(1);
        write_argument(sink, arguments[next++], parse(inside));
        format.remove_prefix(close + 1);
    }
}

}  // namespace eremite
