#pragma once
// Objects of one type, at most a given number of them. Memory is taken from the heap by the chunk and kept, so that creating and
// destroying objects does not touch the heap in the steady state.
#include <cstddef>
#include <new>
#include <utility>

namespace eremite::net {

template <typename T>
class ObjectPool {
public:
    explicit ObjectPool(size_t most) : most_{most} {}
    ObjectPool(const ObjectPool&) = delete;
    ObjectPool& operator=(const ObjectPool&) = delete;
    // Requires: no object is left.
    ~ObjectPool() {
        while (chunks_) delete std::exchange(chunks_, chunks_->next);
    }

    // Null when there is no memory or when there are as many as there may be.
    template <typename... Arguments>
    [[nodiscard]] T* create(Arguments&&... arguments) {
        if (!free_ && !grow()) return nullptr;
        Slot* slot = free_;
        free_ = slot->next;
        ++used_;
        return new (slot->bytes) T{std::forward<Arguments>(arguments)...};
    }
    void destroy(T& object) {
        object.~T();
        // SAFETY: objects stand at the start of slots.
        auto* slot = reinterpret_cast<Slot*>(&object);
        slot->next = free_;
        free_ = slot;
        --used_;
    }
    [[nodiscard]] size_t used() const { return used_; }
    [[nodiscard]] size_t most() const { return most_; }

private:
    static constexpr size_t chunk_objects = sizeof(T) >= 1024 ? 8 : 8192 / sizeof(T);
    union Slot {
        Slot* next;
        alignas(T) std::byte bytes[sizeof(T)];
    };
    struct Chunk {
        Chunk* next;
        Slot slots[chunk_objects];
    };

    [[nodiscard]] bool grow() {
        if (created_ >= most_) return false;
        auto* chunk = new (std::nothrow) Chunk;
        if (!chunk) return false;
        chunk->next = chunks_;
        chunks_ = chunk;
        for (size_t i = 0; i < chunk_objects && created_ < most_; ++i, ++created_) {
            chunk->slots[i].next = free_;
            free_ = &chunk->slots[i];
        }
        return true;
    }

    const size_t most_;
    size_t created_ = 0;
    size_t used_ = 0;
    Slot* free_ = nullptr;
    Chunk* chunks_ = nullptr;
};

}  // namespace eremite::net
