#pragma once
// A function that can fail returns Result<T>: a value or an errno. Kernel code has no exceptions, and a bare `long`
// that is sometimes -errno is forgotten too easily; `[[nodiscard]]` makes the compiler remind us.
#include <cerrno>
#include <new>
#include <type_traits>
#include <utility>

namespace eremite {

// An errno as an object, so that `return Error{ENOMEM};` converts to any Result<T>.
struct [[nodiscard]] Error {
    int code;
    constexpr bool operator==(const Error&) const = default;
};

template <typename T>
class [[nodiscard]] Result {
public:
    constexpr Result(Error error) : code_{error.code} {}
    template <typename U = T>
        requires std::is_convertible_v<U&&, T>
    constexpr Result(U&& value) : value_{std::forward<U>(value)}, code_{0} {}
#if __cpp_concepts >= 202002L
    // Trivial wherever that of T is: such results are returned in registers (System V ABI, 3.2.3). clang has this since 16 (P0848).
    constexpr Result(Result&& other)
        requires std::is_trivially_copyable_v<T>
    = default;
    constexpr ~Result()
        requires std::is_trivially_destructible_v<T>
    = default;
#endif
    constexpr Result(Result&& other) : code_{other.code_} {
        if (code_ == 0) new (&value_) T{std::move(other.value_)};
    }
    Result(const Result&) = delete;
    Result& operator=(const Result&) = delete;
    Result& operator=(Result&&) = delete;
    constexpr ~Result() {
        if (code_ == 0) value_.~T();
    }

    [[nodiscard]] constexpr bool ok() const { return code_ == 0; }
    constexpr explicit operator bool() const { return ok(); }
    // The errno; 0 when there is a value.
    [[nodiscard]] constexpr int code() const { return code_; }
    [[nodiscard]] constexpr Error error() const { return Error{code_}; }

    // Requires: ok().
    [[nodiscard]] constexpr T& value() & { return value_; }
    [[nodiscard]] constexpr const T& value() const& { return value_; }
    [[nodiscard]] constexpr T&& value() && { return std::move(value_); }
    constexpr T& operator*() & { return value_; }
    constexpr T&& operator*() && { return std::move(value_); }
    constexpr T* operator->() { return &value_; }

private:
    union {
        T value_;
    };
    int code_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    constexpr Result() = default;
    constexpr Result(Error error) : code_{error.code} {}

    [[nodiscard]] constexpr bool ok() const { return code_ == 0; }
    constexpr explicit operator bool() const { return ok(); }
    [[nodiscard]] constexpr int code() const { return code_; }
    [[nodiscard]] constexpr Error error() const { return Error{code_}; }
    constexpr void value() const {}

private:
    int code_ = 0;
};

}  // namespace eremite

// Evaluates to the value of a Result, or returns its error from the enclosing function.
#define TRY(expression)                                                  \
    ({                                                                   \
        auto try_result_ = (expression);                                 \
        if (!try_result_.ok()) [[unlikely]] return try_result_.error();  \
        std::move(try_result_).value();                                  \
    })
