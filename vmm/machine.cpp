#include "vmm/machine.hpp"

#include <sys/syscall.h>

#include <cstdio>
#include <exception>
#include <latch>
#include <thread>

#include "abi/host_channel.hpp"
#include "vmm/affinity.hpp"
#include "vmm/boot/image.hpp"
#include "vmm/boot/start_info.hpp"
#include "vmm/error.hpp"
#include "vmm/host_memory.hpp"
#include "vmm/kvm/cpuid.hpp"
#include "vmm/sandbox/needs.hpp"

namespace eremite::vmm {

namespace {

// Devices stand one behind the other below the I/O APIC, each with an interrupt line of its own.
constexpr uint64_t devices_at = 0xd0000000;
constexpr uint32_t generation_line = 3, serial_line = 4, first_device_line = 5;
constexpr size_t most_devices = kvm::VirtualMachine::interrupt_lines - first_device_line;

// Huge pages are not among what is available otherwise.
uint64_t checked_size(const MachineSetup& setup) {
    if (!setup.huge_pages) require_available(setup.memory, host_memory());
    return setup.memory;
}

constexpr uint64_t address_of(size_t slot) { return devices_at + slot * virtio::MmioTransport::size; }
constexpr uint32_t line_of(size_t slot) { return first_device_line + static_cast<uint32_t>(slot); }

}  // namespace

Machine::Machine(const MachineSetup& setup)
    : setup_{setup},
      memory_{setup.snapshot ? GuestMemory{setup.snapshot->memory()}
                             : GuestMemory{checked_size(setup), setup.huge_pages ? GuestMemory::Pages::Huge : GuestMemory::Pages::Small}},
      machine_{system_, memory_},
      serial_interrupt_{make_event()},
      serial_{loop_, setup.input, setup.output, serial_interrupt_.get()},
      log_{setup.log},
      report_{setup.report},
      exit_{[this](uint32_t value) { finish({.kind = MachineEnd::Kind::Exit, .status = value, .details = {}}); }} {
    const unsigned most = system_.most_cpus();
    if (setup.cpus == 0 || setup.cpus > most) throw Error{"this host's KVM has at most " + std::to_string(most) + " processors in a machine: use a smaller --cpus"};
    if (!setup.affinity.empty()) check_affinity(setup.affinity, setup.cpus);
    ports_.add(abi::serial_port, Serial::size, serial_, "serial");
    ports_.add(abi::log_port, 1, log_, "log");
    ports_.add(abi::report_port, 1, report_, "report");
    ports_.add(abi::debug_exit_port, 4, exit_, "exit");
    ports_.add(Cmos::port, Cmos::size, cmos_, "clock");
    machine_.connect_interrupt(serial_interrupt_.get(), serial_line);
    machine_.connect_interrupt(generation_interrupt_.get(), generation_line);
    if (setup.orders.request >= 0) loop_.add_event(setup.orders.request, [this] { take_snapshot(); });
    if (setup.stop >= 0) loop_.add(setup.stop, EPOLLIN, [this](uint32_t) { finish({.kind = MachineEnd::Kind::Stopped, .status = 0, .details = {}}); });
}

Machine::~Machine() = default;

void Machine::add_device(const DeviceMaker& make) {
    if (slots_.size() == most_devices) throw Error{"a machine has at most " + std::to_string(most_devices) + " devices"};
    Slot slot{make_event(), nullptr};
    slot.transport = std::make_unique<virtio::MmioTransport>(memory_, slot.interrupt.get());
    slot.transport->attach(make(slot.transport->host(), memory_));
    slots_.push_back(std::move(slot));
    connect(slots_.size() - 1);
}

void Machine::connect(size_t index) {
    virtio::MmioTransport& transport = *slots_[index].transport;
    const uint64_t address = address_of(index);
    registers_.add(address, virtio::MmioTransport::size, transport, std::string{transport.device().name()});
    machine_.connect_interrupt(slots_[index].interrupt.get(), line_of(index));
    // Where KVM cannot, a processor comes out of the machine and to the register.
    for (size_t queue = 0; queue < transport.queue_count(); ++queue)
        if (!machine_.connect_notification(transport.notification(queue), address + virtio::MmioTransport::notify_register, static_cast<uint32_t>(queue))) break;
}

void Machine::load() {
    BootData data;
    // Devices are announced as Linux takes it, too.
    for (size_t i = 0; i < slots_.size(); ++i) {
        char announcement[64];
        std::snprintf(announcement, sizeof announcement, "virtio_mmio.device=4K@0x%llx:%u ", static_cast<unsigned long long>(address_of(i)), line_of(i));
        data.command_line += announcement;
    }
    if (setup_.orders.request >= 0) {
        char announcement[64];
        std::snprintf(announcement, sizeof announcement, "vmgenid=0x%llx:%u ", static_cast<unsigned long long>(generation_at), generation_line);
        data.command_line += announcement;
        begin_generation({});
    }
    data.command_line += setup_.command_line;
    const LoadedImage image = load_image(memory_, setup_.image, setup_.name);
    data.module = setup_.module;
    data.image_end = image.end;
    data.cpus = setup_.cpus;
    const uint32_t start_info = write_start_info(memory_, data);
    cpuid_ = kvm::supported_cpuid(system_, setup_.tsc_khz);
    make_cpus();
    cpus_[0]->start_at(image.entry, start_info);
    if (!debugger_) return;
    const auto kill = [this] { finish({.kind = MachineEnd::Kind::Reset, .status = 0, .details = {}}); };
    debugger_->attach({.system = system_, .memory = memory_, .cpus = cpus_, .image_start = image.start, .image_end = image.end, .kill = kill});
}

void Machine::make_cpus() {
    for (unsigned i = 0; i < setup_.cpus; ++i)
        cpus_.push_back(std::make_unique<kvm::Cpu>(system_, machine_, i, kvm::cpuid_of(cpuid_, i, setup_.cpus)));
}

MachineEnd Machine::run() {
    kvm::Cpu::prepare_process();
    if (setup_.snapshot) restore(*setup_.snapshot);
    else load();
    if (setup_.statistics) statistics_.emplace();
    if (setup_.exit_trace >= 0) trace_.emplace(setup_.exit_trace);
    sandbox::Needs needs;
    for (const Slot& slot : slots_) slot.transport->device().list_needs(needs);
    if (debugger_) debugger_->list_needs(needs);
    const bool looks_at_pages = setup_.statistics || setup_.orders.request >= 0;
    if (looks_at_pages) needs.add_calls({SYS_pread64});
    if (setup_.restricted) sandbox::keep_capabilities(needs.capabilities);
    if (looks_at_pages) memory_.open_page_map();
    if (setup_.restricted) {
        (void)sandbox::restrict_paths(needs.folders);
    }
    for (Slot& slot : slots_) slot.transport->run();
    if (debugger_) debugger_->run();
    // All threads are there before none can be made any more.
    std::latch restricted{1};
    std::vector<std::thread> threads;
    for (const auto& cpu : cpus_)
        threads.emplace_back([this, &cpu, &restricted] {
            restricted.wait();
            run_cpu(*cpu);
        });
    std::exception_ptr failure;
    try {
        for (size_t i = 0; i < setup_.affinity.size(); ++i) pin(threads[i].native_handle(), setup_.affinity[i]);
        if (setup_.orders.request >= 0) list_snapshot_needs(needs);
        for (const unsigned long request : std::initializer_list<unsigned long>{KVM_RUN, KVM_GET_REGS, KVM_GET_SREGS}) needs.calls.push_back(sandbox::ioctl_call(request));
        if (setup_.restricted) sandbox::restrict_system_calls(needs.calls);
    } catch (const Error&) {
        // Nothing of the image is run then.
        failure = std::current_exception();
        for (const auto& cpu : cpus_) cpu->stop();
        loop_.stop();
    }
    entered_ = std::chrono::steady_clock::now();
    restricted.count_down();
    loop_.run();
    for (const auto& cpu : cpus_) cpu->stop();
    for (std::thread& thread : threads) thread.join();
    if (debugger_) debugger_->detach(exit_status());
    // Devices end what is under way while the memory is there.
    slots_.clear();
    if (failure) std::rethrow_exception(failure);
    const std::lock_guard guard{end_lock_};
    if (statistics_) end_->figures = figures();
    return *end_;
}

void Machine::pause() {
    for (const auto& cpu : cpus_) cpu->hold();
    for (const auto& cpu : cpus_) cpu->wait_until_held();
}

void Machine::resume() {
    for (const auto& cpu : cpus_) cpu->release();
}

Figures Machine::figures() const {
    std::vector<const kvm::ExitCounts*> counts;
    for (const auto& cpu : cpus_) counts.push_back(&cpu->exits());
    Figures all = count_exits(counts, ports_, registers_);
    const Figures of_process = statistics_->figures(memory_);
    all.insert(all.end(), of_process.begin(), of_process.end());
    all.emplace_back("cell.setup_us", std::chrono::duration_cast<std::chrono::microseconds>(entered_ - made_).count());
    return all;
}

void Machine::run_cpu(kvm::Cpu& cpu) {
    switch (cpu.run(ports_, registers_, trace_ ? &*trace_ : nullptr)) {
        case kvm::Cpu::End::Stopped: break;
        case kvm::Cpu::End::Reset: finish({.kind = MachineEnd::Kind::Reset, .status = 0, .details = cpu.registers(), .cpu = cpu.descriptor()}); break;
        case kvm::Cpu::End::Failed: finish({.kind = MachineEnd::Kind::Failed, .status = 0, .details = cpu.failure() + "\n" + cpu.registers(), .cpu = cpu.descriptor()}); break;
    }
}

std::optional<uint8_t> Machine::exit_status() {
    const std::lock_guard guard{end_lock_};
    if (!end_ || end_->kind != MachineEnd::Kind::Exit) return std::nullopt;
    return static_cast<uint8_t>(end_->status);
}

// The first end counts.
void Machine::finish(MachineEnd end) {
    const std::lock_guard guard{end_lock_};
    if (!end_) end_ = std::move(end);
    // The one that brought the end about, as by writing to the port for it, executes nothing more.
    for (const auto& cpu : cpus_) cpu->stop();
    loop_.stop();
}

}  // namespace eremite::vmm
