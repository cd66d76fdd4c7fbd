#pragma once
// What a symbolic link of a server's leads to, which does not change: asked for once.
#include <string_view>

#include "base/vector.hpp"
#include "libos/sched/mutex.hpp"

namespace eremite::fs::remote {

class LinkTarget {
public:
    // ask() gives a Result<String>. The text lives as long as this object. EIO: it cannot be a path.
    template <typename Ask>
    [[nodiscard]] Result<std::string_view> get(Ask&& ask) {
        const sched::MutexGuard guard{lock_};
        if (target_.size() == 0) {
            String target = TRY(ask());
            if (target.size() == 0 || target.view().find('\0') != std::string_view::npos) return Error{EIO};
            target_ = std::move(target);
        }
        return target_.view();
    }

private:
    sched::Mutex lock_;
    String target_;  // once it was asked for
};

}  // namespace eremite::fs::remote
