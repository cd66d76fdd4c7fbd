#pragma once
// The memory of all file caches together: how much they may have, and how they give it back. Whatever memory nobody else needs serves
// as cache: not what was promised to the program, and not a margin that is left free for the kernel.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/address.hpp"
#include "base/result.hpp"

namespace eremite::fs {

class FileCache;
class FileSystem;

namespace page_cache {

// By each cache that has pages; and by each that ends.
void add(FileCache& cache);
void remove(FileCache& cache);
void count_cached(int64_t pages);
void count_dirty(int64_t pages);
// What is called, under a spinlock, when the first page becomes dirty.
void set_when_dirty(void (*tell)());

// Frames for a file's pages, contents arbitrary: for the first few of `frames`, as many as there are. Makes room if it must. 0: there
// is no memory. May wait.
[[nodiscard]] size_t allocate(std::span<PhysicalAddress> frames);
void free(PhysicalAddress frame);

// Whether so much is dirty that whoever writes has to wait.
[[nodiscard]] bool too_dirty();
// Writes back some file's dirty pages. False: none is dirty. May wait.
bool write_back_some();

// The same for every file, once.
void write_back_each();

// Gives back clean pages, at most `most`; returns how many. May wait, also for pages to be written back.
size_t make_room(size_t most);

struct Figures {
    uint64_t cached;  // pages, the dirty ones included
    uint64_t dirty;
};
[[nodiscard]] Figures figures();

}  // namespace page_cache

// Writes back all dirty pages of the file system's files. The first error.
[[nodiscard]] Result<void> write_back_all(const FileSystem& file_system);

}  // namespace eremite::fs
