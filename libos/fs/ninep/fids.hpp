#pragma once
// The numbers by which client and server name files. One that is given up waits here until the server was told, then until it
// has answered, and is used again. Needs no memory for that, so that giving up never fails.
#include <optional>

#include "base/vector.hpp"

namespace eremite::fs::ninep {

// Requires of all functions: the client's lock.
class FidNumbers {
public:
    // ENOMEM, ENFILE.
    [[nodiscard]] Result<uint32_t> take() {
        if (free_.empty()) return take_new();
        const uint32_t number = free_.back();
        free_.pop_back();
        return number;
    }
    // The server does not know this number any more, or never did.
    void give_back(uint32_t number) { put(free_, number); }
    // The server is to be told later: next_to_clunk() gives the number back.
    void postpone(uint32_t number) { put(postponed_, number); }
    [[nodiscard]] std::optional<uint32_t> next_to_clunk() {
        if (postponed_.empty()) return std::nullopt;
        const uint32_t number = postponed_.back();
        postponed_.pop_back();
        return number;
    }

private:
    static constexpr uint32_t most = 1 << 20;

    // Both lists have room for every number there is.
    Result<uint32_t> take_new() {
        if (count_ == most) return Error{ENFILE};
        if (count_ == room_) {
            const uint32_t room = room_ == 0 ? 64 : room_ * 2;
            TRY(free_.reserve(room));
            TRY(postponed_.reserve(room));
            room_ = room;
        }
        return count_++;
    }
    static void put(Vector<uint32_t>& list, uint32_t number) {
        // Cannot fail: there is room.
        static_cast<void>(list.push_back(number).ok());
    }

    Vector<uint32_t> free_;
    Vector<uint32_t> postponed_;
    uint32_t count_ = 0;
    uint32_t room_ = 0;
};

}  // namespace eremite::fs::ninep
