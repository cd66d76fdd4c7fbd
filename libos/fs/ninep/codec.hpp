#pragma once
// Numbers and strings of 9P messages (intro(5) of Plan 9): little-endian, packed, strings with a length of two bytes in front.
// Neither side can run over: what does not fit, or is not there, makes the whole message bad, to be asked once at its end.
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace eremite::fs::ninep {

static_assert(std::endian::native == std::endian::little);

// What a server uses to tell files apart: the path is unique among those that exist, the version changes with the contents.
struct Qid {
    static constexpr uint8_t directory = 0x80;
    static constexpr uint8_t symbolic_link = 0x02;
    uint8_t type = 0;
    uint32_t version = 0;
    uint64_t path = 0;
    bool operator==(const Qid&) const = default;
};

// size[4] type[1] tag[2]
inline constexpr size_t header_size = 7;

class Encoder {
public:
    explicit Encoder(std::span<uint8_t> buffer) : buffer_{buffer} {}

    template <typename... Fields>
    void operator()(const Fields&... fields) {
        (put(fields), ...);
    }
    // Bytes so far; nothing useful when bad().
    [[nodiscard]] size_t size() const { return size_; }
    [[nodiscard]] bool bad() const { return bad_; }

private:
    template <std::unsigned_integral T>
    void put(T value) {
        raw(&value, sizeof value);
    }
    void put(std::string_view text);
    void put(const Qid& qid) { (*this)(qid.type, qid.version, qid.path); }
    void raw(const void* bytes, size_t size);

    std::span<uint8_t> buffer_;
    size_t size_ = 0;
    bool bad_ = false;
};

class Decoder {
public:
    explicit Decoder(std::span<const uint8_t> bytes) : rest_{bytes} {}

    // A field that is not there is left as it was.
    template <typename... Fields>
    void operator()(Fields&... fields) {
        (get(fields), ...);
    }
    // A message whose values cannot be.
    void reject() { bad_ = true; }
    [[nodiscard]] bool bad() const { return bad_; }
    [[nodiscard]] std::span<const uint8_t> rest() const { return rest_; }

private:
    template <std::unsigned_integral T>
    void get(T& value) {
        raw(&value, sizeof value);
    }
    // A view into the message.
    void get(std::string_view& text);
    void get(Qid& qid) { (*this)(qid.type, qid.version, qid.path); }
    void raw(void* value, size_t size);
    const uint8_t* cut(size_t size);

    std::span<const uint8_t> rest_;
    bool bad_ = false;
};

}  // namespace eremite::fs::ninep
