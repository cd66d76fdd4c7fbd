#pragma once
// Intrusive shared ownership: the count lives in the object, so a Ref is one pointer and sharing never allocates.
#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

#include "base/result.hpp"

namespace eremite {

// Base of every shared object. Destroyed when the last Ref goes.
class RefCounted {
public:
    RefCounted() = default;
    RefCounted(const RefCounted&) = delete;
    RefCounted& operator=(const RefCounted&) = delete;
    void acquire() const { count_.fetch_add(1, std::memory_order_relaxed); }
    // For those who know the object without keeping it alive, under a lock that its destructor takes to make itself
    // forgotten. False: it is being destroyed.
    [[nodiscard]] bool acquire_if_alive() const {
        uint32_t count = count_.load(std::memory_order_relaxed);
        while (count != 0)
            if (count_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return true;
        return false;
    }
    // True when the caller dropped the last reference and must delete the object.
    [[nodiscard]] bool release() const { return count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
    [[nodiscard]] uint32_t reference_count() const { return count_.load(std::memory_order_relaxed); }

protected:
    virtual ~RefCounted() = default;
    // Called when the last reference went. Whoever knows the object by other means can be told here, while it is still whole.
    virtual void dispose() const { delete this; }
    template <typename T>
    friend class Ref;

private:
    mutable std::atomic<uint32_t> count_{1};
};

template <typename T>
class Ref {
public:
    constexpr Ref() = default;
    constexpr Ref(std::nullptr_t) {}
    // Takes over the reference that a new object starts with.
    [[nodiscard]] static Ref adopt(T* object) { Ref r; r.object_ = object; return r; }
    // Adds a reference to an object that somebody else keeps alive.
    [[nodiscard]] static Ref share(T* object) { if (object) object->acquire(); return adopt(object); }
    // The same, but null for an object whose last reference has gone; see RefCounted::acquire_if_alive().
    [[nodiscard]] static Ref share_if_alive(T* object) { return object && object->acquire_if_alive() ? adopt(object) : Ref{}; }
    Ref(const Ref& o) : object_{o.object_} { if (object_) object_->acquire(); }
    Ref(Ref&& o) noexcept : object_{std::exchange(o.object_, nullptr)} {}
    template <typename U>
        requires std::is_convertible_v<U*, T*>
    Ref(const Ref<U>& o) : object_{o.get()} { if (object_) object_->acquire(); }
    template <typename U>
        requires std::is_convertible_v<U*, T*>
    Ref(Ref<U>&& o) : object_{o.leak()} {}
    Ref& operator=(Ref o) noexcept { std::swap(object_, o.object_); return *this; }
    ~Ref() {
        if (object_ && object_->release()) static_cast<const RefCounted*>(object_)->dispose();
    }

    [[nodiscard]] T* get() const { return object_; }
    [[nodiscard]] T* leak() { return std::exchange(object_, nullptr); }
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }
    explicit operator bool() const { return object_ != nullptr; }
    bool operator==(const Ref& o) const { return object_ == o.object_; }

private:
    T* object_ = nullptr;
};

// Creates a shared object; ENOMEM when there is no memory.
template <typename T, typename... Arguments>
[[nodiscard]] Result<Ref<T>> make_ref(Arguments&&... arguments) {
    T* object = new (std::nothrow) T{std::forward<Arguments>(arguments)...};
    if (!object) return Error{ENOMEM};
    return Ref<T>::adopt(object);
}

}  // namespace eremite
