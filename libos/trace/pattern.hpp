#pragma once
// Which system calls are shown, as strace(1) has it with -e trace=: names in which * stands for any characters, and groups
// (%file), with commas between them; ! before the list stands for all calls but those.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace eremite::trace {

class Selection {
public:
    // Nothing is selected.
    constexpr Selection() = default;

    void add(uint64_t number) { words_[number / 64] |= uint64_t{1} << number % 64; }
    void invert() {
        for (uint64_t& word : words_) word = ~word;
        others_ = !others_;
    }
    [[nodiscard]] bool contains(uint64_t number) const { return number < limit ? words_[number / 64] >> number % 64 & 1 : others_; }

    static constexpr uint64_t limit = 512;

private:
    std::array<uint64_t, limit / 64> words_{};
    bool others_ = false;  // numbers from the limit up
};

// Returns the word of the pattern that stands for no system call; nothing when there is none.
[[nodiscard]] std::optional<std::string_view> parse_pattern(std::string_view pattern, Selection& out);

}  // namespace eremite::trace
