#pragma once
// The state of a machine's parts as bytes, one behind the other. Each part begins with its name, so that whoever reads it finds it in order or not at all.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace eremite::vmm {

class StateWriter {
public:
    // A new part, which may have parts of its own.
    void begin(std::string_view name) { add_text(name); }
    // A plain structure, as it is in memory: the state is for the same program on the same kind of host.
    template <typename T>
        requires std::is_trivially_copyable_v<T>
    void add(const T& value) {
        add_bytes(std::as_bytes(std::span{&value, 1}));
    }
    template <typename T>
        requires std::is_trivially_copyable_v<T>
    void add_list(std::span<const T> values) {
        add<uint64_t>(values.size());
        add_bytes(std::as_bytes(values));
    }
    void add_text(std::string_view text) { add_list(std::span{text.data(), text.size()}); }

    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

private:
    void add_bytes(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

    std::vector<std::byte> bytes_;
};

// What stands there is foreign data: all functions throw Error where it ends too early, or has another part than the one that is looked for.
class StateReader {
public:
    explicit StateReader(std::span<const std::byte> bytes) : bytes_{bytes} {}

    void begin(std::string_view name);
    template <typename T>
        requires std::is_trivially_copyable_v<T>
    [[nodiscard]] T take() {
        T value;
        take_bytes(std::as_writable_bytes(std::span{&value, 1}));
        return value;
    }
    template <typename T>
        requires std::is_trivially_copyable_v<T>
    [[nodiscard]] std::vector<T> take_list() {
        std::vector<T> values(take_count(sizeof(T)));
        take_bytes(std::as_writable_bytes(std::span{values}));
        return values;
    }
    [[nodiscard]] std::string take_text();
    [[nodiscard]] bool ended() const { return bytes_.empty(); }

private:
    void take_bytes(std::span<std::byte> to);
    // Of things of `size` bytes: no more than there are.
    [[nodiscard]] size_t take_count(size_t size);

    std::span<const std::byte> bytes_;
};

}  // namespace eremite::vmm
