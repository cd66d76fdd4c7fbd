// operator new and delete of the kernel. What cannot fail by its signature stops the machine; kernel code uses the
// nothrow forms.
#include <new>

#include "base/panic.hpp"
#include "libos/mm/heap.hpp"

namespace {

using eremite::mm::heap_allocate;
using eremite::mm::heap_free;

void* allocate_or_panic(size_t size, size_t align) {
    void* pointer = heap_allocate(size, align);
    eremite::require(pointer != nullptr, "out of kernel memory in an allocation that cannot fail");
    return pointer;
}

constexpr size_t ordinary = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

void* operator new(size_t size) { return allocate_or_panic(size, ordinary); }
void* operator new[](size_t size) { return allocate_or_panic(size, ordinary); }
void* operator new(size_t size, std::align_val_t align) { return allocate_or_panic(size, static_cast<size_t>(align)); }
void* operator new[](size_t size, std::align_val_t align) { return allocate_or_panic(size, static_cast<size_t>(align)); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return heap_allocate(size, ordinary); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return heap_allocate(size, ordinary); }
void* operator new(size_t size, std::align_val_t align, const std::nothrow_t&) noexcept { return heap_allocate(size, static_cast<size_t>(align)); }
void* operator new[](size_t size, std::align_val_t align, const std::nothrow_t&) noexcept { return heap_allocate(size, static_cast<size_t>(align)); }

void operator delete(void* pointer) noexcept { heap_free(pointer); }
void operator delete[](void* pointer) noexcept { heap_free(pointer); }
void operator delete(void* pointer, size_t) noexcept { heap_free(pointer); }
void operator delete[](void* pointer, size_t) noexcept { heap_free(pointer); }
void operator delete(void* pointer, std::align_val_t) noexcept { heap_free(pointer); }
void operator delete[](void* pointer, std::align_val_t) noexcept { heap_free(pointer); }
void operator delete(void* pointer, size_t, std::align_val_t) noexcept { heap_free(pointer); }
void operator delete[](void* pointer, size_t, std::align_val_t) noexcept { heap_free(pointer); }
void operator delete(void* pointer, const std::nothrow_t&) noexcept { heap_free(pointer); }
void operator delete[](void* pointer, const std::nothrow_t&) noexcept { heap_free(pointer); }
void operator delete(void* pointer, std::align_val_t, const std::nothrow_t&) noexcept { heap_free(pointer); }
void operator delete[](void* pointer, std::align_val_t, const std::nothrow_t&) noexcept { heap_free(pointer); }
