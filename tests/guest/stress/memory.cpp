// Mappings that change while other CPUs use them: an entry that stays behind in another CPU's TLB is seen as a value of the past, or
// as access that was taken away. Whether a page may be written is asked of read(2) from /dev/zero, which answers EFAULT.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "stress.hpp"

namespace stress {

namespace {

constexpr size_t page = 4096;
constexpr int readers = 3;

uint64_t* map_at(void* address, size_t pages) {
    const int fixed = address ? MAP_FIXED : 0;
    void* const at = mmap(address, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
    REQUIRE(at != MAP_FAILED && (!address || at == address));
    return static_cast<uint64_t*>(at);
}

std::atomic_ref<uint64_t> word(uint64_t* at) { return std::atomic_ref{*at}; }

}  // namespace

// A page is replaced by a fresh one again and again. After the replacement returns nobody may read the old page.
void replaced_pages() {
    constexpr uint64_t rounds = 300;
    uint64_t* const shared = map_at(nullptr, 1);
    std::atomic<uint64_t> replaced = 0;
    in_threads(readers + 1, [&](int i) {
        if (i == 0) {
            for (uint64_t round = 1; round <= rounds; ++round) {
                map_at(shared, 1);
                replaced = round;
                word(shared) = round;
                progress();
                if (round % 8 == 0) sched_yield();
            }
            return;
        }
        while (replaced < rounds) {
            const uint64_t before = replaced, value = word(shared);
            // Zero: replaced and not written yet.
            REQUIRE(value == 0 || value >= before);
            REQUIRE(value <= replaced);
        }
    });
    REQUIRE(word(shared) == rounds && munmap(shared, page) == 0);
}

// The same with MADV_DONTNEED, over several pages.
void discarded_pages() {
    constexpr uint64_t rounds = 200, pages = 8;
    uint64_t* const shared = map_at(nullptr, pages);
    std::atomic<uint64_t> discarded = 0;
    in_threads(readers + 1, [&](int i) {
        if (i == 0) {
            for (uint64_t round = 1; round <= rounds; ++round) {
                REQUIRE(madvise(shared, pages * page, MADV_DONTNEED) == 0);
                discarded = round;
                for (uint64_t k = 0; k < pages; ++k) {
                    REQUIRE(word(shared + k * page / 8) == 0);
                    word(shared + k * page / 8) = round;
                }
                progress();
                if (round % 8 == 0) sched_yield();
            }
            return;
        }
        Random random(i);
        while (discarded < rounds) {
            uint64_t* const at = shared + random.below(pages) * page / 8;
            const uint64_t before = discarded, value = word(at);
            REQUIRE(value == 0 || value >= before);
            REQUIRE(value <= discarded);
        }
    });
    REQUIRE(munmap(shared, pages * page) == 0);
}

// A page becomes read-only and writable in turn. While it is read-only no thread can have the kernel write to it.
void protected_pages() {
    constexpr uint64_t rounds = 200;
    uint64_t* const shared = map_at(nullptr, 1);
    word(shared) = 0;
    const int zero = open("/dev/zero", O_RDONLY);
    REQUIRE(zero >= 0);
    // Even: writable; odd: read-only, from before it is announced until after it is withdrawn.
    std::atomic<uint64_t> state = 0;
    in_threads(readers + 1, [&](int i) {
        if (i == 0) {
            for (uint64_t round = 0; round < rounds; ++round) {
                REQUIRE(mprotect(shared, page, PROT_READ) == 0);
                ++state;
                sched_yield();
                REQUIRE(read(zero, shared, 8) == -1 && errno == EFAULT);
                ++state;
                REQUIRE(mprotect(shared, page, PROT_READ | PROT_WRITE) == 0);
                REQUIRE(read(zero, shared, 8) == 8);
                progress();
            }
            state = 2 * rounds + 2;
            return;
        }
        for (;;) {
            const uint64_t before = state;
            if (before == 2 * rounds + 2) return;
            const ssize_t result = read(zero, shared, 8);
            REQUIRE(result == 8 || (result == -1 && errno == EFAULT));
            const bool was_read_only = before % 2 == 1 && state == before;
            REQUIRE(!was_read_only || result == -1);
            if (before % 16 == 0) sched_yield();
        }
    });
    REQUIRE(close(zero) == 0 && munmap(shared, page) == 0);
}

// Pages move between two places. The one that was left is reserved again, so a stale entry would show the page in both.
void moved_pages() {
    constexpr uint64_t rounds = 200, pages = 4;
    uint64_t* const places = map_at(nullptr, 2 * pages);
    uint64_t* const ends[2] = {places, places + pages * page / 8};
    word(places) = 0;
    std::atomic<uint64_t> moved = 0;
    in_threads(readers + 1, [&](int i) {
        if (i == 0) {
            for (uint64_t round = 1; round <= rounds; ++round) {
                uint64_t* const from = ends[(round - 1) % 2];
                uint64_t* const to = ends[round % 2];
                word(from) = round;
                REQUIRE(mremap(from, pages * page, pages * page, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
                REQUIRE(word(to) == round);
                map_at(from, pages);
                moved = round;
                progress();
                if (round % 8 == 0) sched_yield();
            }
            return;
        }
        // The whole takes several calls, during which the place that is left may be a hole: the kernel looks.
        int ends_of_pipe[2];
        REQUIRE(pipe(ends_of_pipe) == 0);
        for (uint64_t before; (before = moved) < rounds;) {
            uint64_t* const left = ends[(before + 1) % 2];
            uint64_t value = 0;
            const ssize_t written = write(ends_of_pipe[1], left, 8);
            REQUIRE(written == 8 || (written == -1 && errno == EFAULT));
            if (written == 8) REQUIRE(read(ends_of_pipe[0], &value, 8) == 8);
            // Nothing is there, unless the next move has brought it.
            REQUIRE(value == 0 || moved != before || value > before);
        }
        REQUIRE(close(ends_of_pipe[0]) == 0 && close(ends_of_pipe[1]) == 0);
    });
    REQUIRE(munmap(places, 2 * pages * page) == 0);
}

// Everybody maps, fills, protects, splits and unmaps memory of their own; nobody's contents change.
void private_mappings() {
    in_threads(6, [](int worker) {
        Random random(worker);
        for (int round = 0; round < 40; ++round) {
            const size_t pages = 1 + random.below(24), words = page / 8;
            uint64_t* const at = map_at(nullptr, pages);
            for (size_t k = 0; k < pages; ++k) {
                REQUIRE(at[k * words] == 0 && at[k * words + words - 1] == 0);
                at[k * words] = at[k * words + words - 1] = static_cast<uint64_t>(worker) << 32 | k;
            }
            const size_t middle = random.below(pages);
            REQUIRE(mprotect(at + middle * words, page, PROT_READ) == 0);
            if (random.below(4) == 0) sched_yield();
            for (size_t k = 0; k < pages; ++k) {
                REQUIRE(at[k * words] == (static_cast<uint64_t>(worker) << 32 | k));
                REQUIRE(at[k * words + words - 1] == at[k * words]);
            }
            REQUIRE(munmap(at + middle * words, page) == 0);
            if (middle > 0) REQUIRE(munmap(at, middle * page) == 0);
            if (middle + 1 < pages) REQUIRE(munmap(at + (middle + 1) * words, (pages - middle - 1) * page) == 0);
            progress();
        }
    });
}

}  // namespace stress
