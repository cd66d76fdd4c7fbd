#include "libos/fs/ninep/codec.hpp"

#include <cstring>

namespace eremite::fs::ninep {

void Encoder::raw(const void* bytes, size_t size) {
    if (bad_ || size > buffer_.size() - size_) {
        bad_ = true;
        return;
    }
    if (size > 0) std::memcpy(buffer_.data() + size_, bytes, size);
    size_ += size;
}

void Encoder::put(std::string_view text) {
    if (text.size() > UINT16_MAX) {
        bad_ = true;
        return;
    }
    put(static_cast<uint16_t>(text.size()));
    raw(text.data(), text.size());
}

const uint8_t* Decoder::cut(size_t size) {
    if (bad_ || size > rest_.size()) {
        bad_ = true;
        return nullptr;
    }
    const uint8_t* const start = rest_.data();
    rest_ = rest_.subspan(size);
    return start;
}

void Decoder::raw(void* value, size_t size) {
    if (const uint8_t* bytes = cut(size)) std::memcpy(value, bytes, size);
}

void Decoder::get(std::string_view& text) {
    uint16_t length = 0;
    get(length);
    // SAFETY: the message's bytes are looked at as characters.
    if (const uint8_t* bytes = cut(length)) text = {reinterpret_cast<const char*>(bytes), length};
}

}  // namespace eremite::fs::ninep
