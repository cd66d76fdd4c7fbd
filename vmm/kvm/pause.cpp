#include "vmm/kvm/pause.hpp"

namespace eremite::vmm::kvm {

void Pause::hold() {
    const std::lock_guard guard{lock_};
    ++holders_;
}

void Pause::release() {
    const std::lock_guard guard{lock_};
    if (--holders_ == 0) changed_.notify_all();
}

void Pause::wait() {
    std::unique_lock guard{lock_};
    changed_.wait(guard, [this] { return !runs_; });
}

void Pause::end() {
    const std::lock_guard guard{lock_};
    ended_ = true;
    changed_.notify_all();
}

void Pause::stand() {
    std::unique_lock guard{lock_};
    if (holders_ != 0) {
        runs_ = false;
        changed_.notify_all();
        changed_.wait(guard, [this] { return holders_ == 0 || ended_; });
    }
    runs_ = true;
}

void Pause::leave() {
    const std::lock_guard guard{lock_};
    runs_ = false;
    changed_.notify_all();
}

}  // namespace eremite::vmm::kvm
