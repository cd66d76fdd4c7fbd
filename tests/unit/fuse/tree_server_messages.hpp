#pragma once
// How a TreeServer reads requests and writes replies. Written without the client's code, so that both must be right.
#include <cstring>
#include <type_traits>

#include "tree_server.hpp"

namespace eremite::test {

class TreeServer::Reader {
public:
    explicit Reader(const Bytes& bytes) : bytes_{bytes} {}
    template <typename T>
    T structure() {
        static_assert(std::is_trivially_copyable_v<T>);
        if (sizeof(T) > bytes_.size() - at_) throw Failure{EPROTO};
        T value;
        std::memcpy(&value, bytes_.data() + at_, sizeof value);
        at_ += sizeof value;
        return value;
    }
    // Up to its final zero.
    std::string name() {
        const auto from = bytes_.begin() + static_cast<long>(at_);
        const auto end = std::find(from, bytes_.end(), uint8_t{0});
        if (end == bytes_.end()) throw Failure{EPROTO};
        at_ += static_cast<size_t>(end - from) + 1;
        return {from, end};
    }
    // A name that a file can have.
    std::string file_name() {
        std::string text = name();
        if (text.empty() || text.size() > 255 || text == "." || text == ".." || text.find('/') != text.npos) throw Failure{EPROTO};
        return text;
    }
    std::string bytes(size_t size) {
        if (size > bytes_.size() - at_) throw Failure{EPROTO};
        std::string text{bytes_.begin() + static_cast<long>(at_), bytes_.begin() + static_cast<long>(at_ + size)};
        at_ += size;
        return text;
    }
    [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }

private:
    const Bytes& bytes_;
    size_t at_ = 0;
};

class TreeServer::Writer {
public:
    Bytes out;
    template <typename T>
    void structure(const T& value) {
        static_assert(std::is_trivially_copyable_v<T>);
        const auto* const from = reinterpret_cast<const uint8_t*>(&value);
        out.insert(out.end(), from, from + sizeof value);
    }
    void bytes(std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }
};

}  // namespace eremite::test
