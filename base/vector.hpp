#pragma once
// A growing array whose growth can fail and says so (std::vector can only throw).
#include <cstddef>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/result.hpp"

namespace eremite {

template <typename T>
class Vector {
public:
    Vector() = default;
    Vector(Vector&& o) noexcept : data_{std::exchange(o.data_, nullptr)}, size_{std::exchange(o.size_, 0)}, capacity_{std::exchange(o.capacity_, 0)} {}
    Vector& operator=(Vector&& o) noexcept {
        std::swap(data_, o.data_);
        std::swap(size_, o.size_);
        std::swap(capacity_, o.capacity_);
        return *this;
    }
    Vector(const Vector&) = delete;
    Vector& operator=(const Vector&) = delete;
    ~Vector() {
        clear();
        ::operator delete(data_, capacity_ * sizeof(T));
    }

    [[nodiscard]] size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] T* data() { return data_; }
    [[nodiscard]] const T* data() const { return data_; }
    T& operator[](size_t i) { return data_[i]; }
    const T& operator[](size_t i) const { return data_[i]; }
    T& back() { return data_[size_ - 1]; }
    T* begin() { return data_; }
    T* end() { return data_ + size_; }
    const T* begin() const { return data_; }
    const T* end() const { return data_ + size_; }
    [[nodiscard]] std::span<T> span() { return {data_, size_}; }
    [[nodiscard]] std::span<const T> span() const { return {data_, size_}; }

    Result<void> reserve(size_t capacity) {
        if (capacity <= capacity_) return {};
        if (capacity > SIZE_MAX / sizeof(T)) return Error{ENOMEM};
        T* grown = static_cast<T*>(::operator new(capacity * sizeof(T), std::nothrow));
        if (!grown) return Error{ENOMEM};
        for (size_t i = 0; i < size_; ++i) {
            new (grown + i) T{std::move(data_[i])};
            data_[i].~T();
        }
        ::operator delete(data_, capacity_ * sizeof(T));
        data_ = grown;
        capacity_ = capacity;
        return {};
    }
    Result<void> push_back(T value) {
        if (size_ == capacity_) TRY(reserve(capacity_ ? capacity_ * 2 : 4));
        new (data_ + size_++) T{std::move(value)};
        return {};
    }
    // Bytes and numbers, all or none.
    Result<void> append(std::span<const T> more)
        requires std::is_trivially_copyable_v<T>
    {
        TRY(reserve(size_ + more.size()));
        if (!more.empty()) __builtin_memcpy(data_ + size_, more.data(), more.size() * sizeof(T));
        size_ += more.size();
        return {};
    }
    Result<void> resize(size_t size) {
        TRY(reserve(size));
        while (size_ > size) pop_back();
        for (T* at = data_ + size_; at < data_ + size; ++at) new (at) T{};
        size_ = size;
        return {};
    }
    void pop_back() { data_[--size_].~T(); }
    void erase(size_t index) {
        for (size_t i = index; i + 1 < size_; ++i) data_[i] = std::move(data_[i + 1]);
        pop_back();
    }
    void clear() {
        while (size_) pop_back();
    }

private:
    T* data_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
};

// An owned string. Copies are explicit because they can fail.
class String {
public:
    String() = default;
    [[nodiscard]] static Result<String> copy(std::string_view text) {
        String s;
        TRY(s.append(text));
        return s;
    }
    Result<void> append(std::string_view text) {
        return characters_.append({text.data(), text.size()});
    }
    [[nodiscard]] std::string_view view() const { return {characters_.data(), characters_.size()}; }
    [[nodiscard]] size_t size() const { return characters_.size(); }
    operator std::string_view() const { return view(); }

private:
    Vector<char> characters_;
};

}  // namespace eremite
