#pragma once
// Lets a processor stand still for those who want to look at it, or at memory that it would change, and go on afterwards.
#include <condition_variable>
#include <mutex>

namespace eremite::vmm::kvm {

// Who holds it and the processor's thread meet here; it takes somebody else to bring that thread out of the machine. Several may hold it, from any
// thread: it stands until all have released it.
class Pause {
public:
    // The thread waits from the next time on that it comes to stand().
    void hold();
    void release();
    // Returns when the thread waits, or does not run the processor: before it begins, and after it left. Requires: held, and not the
    // processor's own thread, which would wait for itself.
    void wait();
    // For good: it stands no more, whoever holds it.
    void end();

    // For the processor's thread, before it begins, and whenever it is out of the machine with nothing left half done: returns when nobody holds it.
    void stand();
    // For the processor's thread: it runs the processor no more.
    void leave();

private:
    std::mutex lock_;
    std::condition_variable changed_;
    unsigned holders_ = 0;
    bool runs_ = false, ended_ = false;
};

}  // namespace eremite::vmm::kvm
