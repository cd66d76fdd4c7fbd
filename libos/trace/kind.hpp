#pragma once
// What a number in a system call means: an argument, a result, or a field of a structure.
#include <cstdint>

namespace eremite::trace {

enum class Kind : uint8_t {
    None,  // there is no such argument
    Skip,  // it is there and not shown
    // Numbers.
    Int,
    Unsigned,  // 32 bits
    Long,
    Size,  // 64 bits without a sign
    Hex,
    Octal,
    Pointer,
    Fd,
    Directory,  // a file descriptor or AT_FDCWD
    Signal,
    SignalMask,
    FileMode,  // type and permissions
    FutexOperation,
    // Pointers to bytes. The length of a buffer is the next argument, or the result once it has been filled.
    Path,
    Text,
    Buffer,
    // What depends on the call and its other arguments (special_arguments.cpp), or a result that says more than its number.
    Special,
    Remaining,  // of a sleep that was interrupted
    // Pointers to what is not in structures.cpp.
    CpuSet,  // its size is the argument before
    FdSet,
    IoVectors,  // their number is the next argument
    Message,
    SignalInformation,

    // Pointers to structures and arrays of them (structures.cpp).
    Timespec,
    Timeval,
    TimerSetting,
    IntervalSetting,
    SignalSet,
    SignalAction,
    SignalStack,
    SignalEvent,
    Limit,
    Usage,
    SystemNames,
    SystemInfo,
    CloneArguments,
    OpenHow,
    FileLock,
    Status,
    ExtendedStatus,
    PollFiles,
    EpollEvent,
    EpollEvents,
    EpollData,
    IntValue,
    IntPair,
    IntArray,
    LongValue,
    PointerValue,

    // Names (name_sets.cpp).
    OpenFlags,
    CreationFlags,  // of what is not opened: pipe2(2), dup3(2)
    Protection,
    MapFlags,
    RemapFlags,
    Advice,
    SyncFlags,
    LockFlags,
    LockAllFlags,
    CloneFlags,
    Clock,
    TimerFlags,
    TimerFileFlags,
    PollEvents,
    EpollEventBits,
    EpollOperation,
    EpollFlags,
    EventFlags,
    FileMemoryFlags,
    AccessMode,
    AtFlags,
    UnlinkFlags,
    AccessFlags,
    Whence,
    FcntlCommand,
    FdFlags,
    FlockOperation,
    LockType,
    IoctlRequest,
    FutexCommand,
    WaitBits,
    MaskChange,
    ActionFlags,
    Handler,
    StackFlags,
    NotifyMode,
    SignalCode,
    SegvCode,
    BusCode,
    FpeCode,
    IllCode,
    TrapCode,
    SignalName,
    Policy,
    PriorityWhich,
    Resource,
    LimitValue,
    UsageWho,
    PrctlOption,
    ArchOption,
    BarrierCommand,
    RandomFlags,
    IntervalTimer,
    WaitOptions,
    WaitType,
    RenameFlags,
    AllocateMode,
    FileAdvice,
    StatusMask,
    TransferFlags,
    AttributeFlags,
    MountFlags,
    UnmountFlags,
    CloseFlags,
    Domain,
    SocketType,
    ShutdownHow,
    MessageFlags,
    SocketLevel,
    SocketOption,
    IpOption,
    TcpOption,
    Ipv6Option,
    FileType,
    Count_,
};

inline constexpr Kind first_structure = Kind::Timespec, first_names = Kind::OpenFlags;

[[nodiscard]] constexpr bool is_structure(Kind kind) { return kind >= first_structure && kind < first_names; }
[[nodiscard]] constexpr bool is_names(Kind kind) { return kind >= first_names && kind < Kind::Count_; }

// An argument: what it is, and whether the system call writes what it points to, which is shown when the call is over.
class Argument {
public:
    constexpr Argument(Kind kind = Kind::None) : byte_{static_cast<uint8_t>(kind)} {}
    [[nodiscard]] constexpr Kind kind() const { return static_cast<Kind>(byte_ & ~written_bit); }
    [[nodiscard]] constexpr bool written() const { return byte_ & written_bit; }
    [[nodiscard]] static constexpr Argument written(Kind kind) {
        Argument argument{kind};
        argument.byte_ |= written_bit;
        return argument;
    }

private:
    static constexpr uint8_t written_bit = 0x80;
    uint8_t byte_;
};
static_assert(static_cast<unsigned>(Kind::Count_) < 0x80);

// The argument points to something that the call fills.
[[nodiscard]] constexpr Argument out(Kind kind) { return Argument::written(kind); }

}  // namespace eremite::trace
