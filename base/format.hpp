#pragma once
// A small formatter for kernels: `{}`, `{:x}` (hexadecimal with 0x), `{:02}` (zero-padded width), `{:>8}` / `{:<8}` (aligned).
// Text goes piece by piece to a sink; nothing allocates.
#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace eremite {

class TextSink {
public:
    virtual void write(std::string_view text) = 0;

protected:
    ~TextSink() = default;
};

// Writes into a fixed buffer; what does not fit is dropped and `truncated()` says so.
class BufferSink final : public TextSink {
public:
    explicit BufferSink(std::span<char> buffer) : buffer_{buffer} {}
    void write(std::string_view text) override;
    [[nodiscard]] std::string_view view() const { return {buffer_.data(), length_}; }
    [[nodiscard]] bool truncated() const { return truncated_; }

private:
    std::span<char> buffer_;
    size_t length_ = 0;
    bool truncated_ = false;
};

// One argument with its type erased.
struct FormatArgument {
    enum class Kind : uint8_t { Signed, Unsigned, Text, Character, Boolean, Pointer } kind;
    uint64_t number = 0;
    std::string_view text{};

    template <std::signed_integral T>
    FormatArgument(T v) : kind{std::same_as<T, char> ? Kind::Character : Kind::Signed}, number{static_cast<uint64_t>(static_cast<int64_t>(v))} {}
    template <std::unsigned_integral T>
    FormatArgument(T v) : kind{std::same_as<T, bool> ? Kind::Boolean : Kind::Unsigned}, number{v} {}
    template <typename T>
        requires std::is_enum_v<T>
    FormatArgument(T v) : kind{Kind::Unsigned}, number{static_cast<uint64_t>(v)} {}
    FormatArgument(std::string_view v) : kind{Kind::Text}, text{v} {}
    FormatArgument(const char* v) : kind{Kind::Text}, text{v} {}
    FormatArgument(const void* v) : kind{Kind::Pointer}, number{reinterpret_cast<uint64_t>(v)} {}
    // PhysicalAddress, VirtualAddress
    template <typename T>
        requires requires(T v) { { v.value } -> std::convertible_to<uint64_t>; }
    FormatArgument(T v) : kind{Kind::Pointer}, number{v.value} {}
};

// Formats to `sink`. A malformed format string prints what it can: the formatter never fails.
void format_to(TextSink& sink, std::string_view format, std::span<const FormatArgument> arguments);

template <typename... Arguments>
void format(TextSink& sink, std::string_view text, const Arguments&... arguments) {
    if constexpr (sizeof...(Arguments) == 0) {
        format_to(sink, text, {});
    } else {
        const FormatArgument list[] = {FormatArgument{arguments}...};
        format_to(sink, text, list);
    }
}

}  // namespace eremite
