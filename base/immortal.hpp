#pragma once
// A global object that is there before any code runs and is never destroyed, whatever its destructor: the kernel runs neither
// constructors nor destructors of globals. To be declared constinit.

namespace eremite {

template <typename T>
union Immortal {
    constexpr Immortal() : object{} {}
    ~Immortal() {}
    T object;
};

}  // namespace eremite
