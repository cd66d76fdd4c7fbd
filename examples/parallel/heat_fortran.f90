! Heat in a plate with Fortran and OpenMP: what heat.hpp describes, and the same result to the last bit.
program heat_fortran
  use, intrinsic :: iso_fortran_env, only: real64, int64, error_unit
  use omp_lib, only: omp_get_num_procs, omp_get_wtime
  implicit none
  real(real64), parameter :: pi = 3.14159265358979323846_real64
  real(real64), allocatable :: points(:, :), next(:, :), swap(:, :)
  integer :: threads, n, steps, repeat, i
  real(real64) :: change, start

  threads = omp_get_num_procs()
  n = 512
  steps = 200
  repeat = 1
  call parse_options

  do i = 1, repeat
    allocate (points(0:n, 0:n), next(0:n, 0:n))
    call heat_up
    start = omp_get_wtime()
    call compute
    start = omp_get_wtime() - start
    if (i == 1) call show
    write (error_unit, '(a, f0.3)') 'time ms ', 1000 * start
    deallocate (points, next)
  end do

contains

  subroutine parse_options
    character(len=32) :: name, text
    integer :: argument, number, status
    argument = 1
    do while (argument <= command_argument_count())
      call get_command_argument(argument, name)
      if (name == '--help') then
        print '(a)', 'Heat in a square plate, computed by several threads.', &
          '  --threads N  threads that compute (default: one for each CPU)', &
          '  --size N     the plate has N x N squares, at least 2 (default 512)', &
          '  --steps N    steps of Jacobi''s method (default 200)', &
          '  --repeat N   compute N times; the times go to standard error (default 1)'
        stop
      end if
      call get_command_argument(argument + 1, text)
      read (text, *, iostat=status) number
      if (status /= 0 .or. number < 1) call not_understood(name)
      select case (name)
      case ('--threads')
        threads = number
      case ('--size')
        n = number
      case ('--steps')
        steps = number
      case ('--repeat')
        repeat = number
      case default
        call not_understood(name)
      end select
      argument = argument + 2
    end do
    if (n < 2) call not_understood('--size')
  end subroutine

  subroutine not_understood(name)
    character(len=*), intent(in) :: name
    write (error_unit, '(2a)') trim(name), ': not understood; see --help'
    stop 2, quiet=.true.
  end subroutine

  ! The C library chooses its sine by the CPU, and its last bit may differ from one machine to the next: so, the series.
  real(real64) function sine(x)
    real(real64), intent(in) :: x
    real(real64) :: term
    integer :: k
    term = x
    sine = x
    do k = 1, 15
      term = term * ((-x * x) / real(2 * k * (2 * k + 1), real64))
      sine = sine + term
    end do
  end function

  ! Columns are contiguous here, so a column stands for a row of the C++ programs; the plate is symmetric.
  subroutine heat_up
    real(real64) :: wave(0:n)
    integer :: row, column
    do row = 0, n
      wave(row) = sine(pi * min(row, n - row) / n)
    end do
    points = 0
    next = 0
    do column = 1, n - 1
      do row = 1, n - 1
        points(row, column) = 100 * wave(column) * wave(row)
      end do
    end do
  end subroutine

  subroutine compute
    integer :: step, row, column
    do step = 1, steps
      change = 0
      !$omp parallel do schedule(static) num_threads(threads) private(row) reduction(max : change)
      do column = 1, n - 1
        do row = 1, n - 1
          next(row, column) = 0.25_real64 * ((points(row, column - 1) + points(row, column + 1)) &
                                             + (points(row - 1, column) + points(row + 1, column)))
          change = max(change, abs(next(row, column) - points(row, column)))
        end do
      end do
      !$omp end parallel do
      call move_alloc(points, swap)
      call move_alloc(next, points)
      call move_alloc(swap, next)
    end do
  end subroutine

  subroutine show
    real(real64) :: top, half, total
    integer(int64) :: hash
    integer :: step, row, column
    character(len=24) :: exponent
    top = 100
    if (mod(n, 2) /= 0) top = 100 * (sine(pi * (n / 2) / n) * sine(pi * (n / 2) / n))
    half = sine(pi / n / 2)
    do step = 1, steps
      top = top * (1 - 2 * half * half)
    end do
    total = 0
    hash = 0
    do column = 0, n
      do row = 0, n
        total = total + points(row, column)
        hash = ieor(ishftc(hash, 1), transfer(points(row, column), hash))
      end do
    end do
    write (exponent, '(es18.12e2)') change
    print '(a, i0, a, i0, a, i0, a)', 'plate: ', n, ' x ', n, ' squares, ', steps, ' steps'
    print '(2a)', 'largest change in the last step: ', exponent(:index(exponent, 'E') - 1)//'e'//exponent(index(exponent, 'E') + 1:)
    print '(a, f0.9, a, f0.9)', 'temperature in the middle: ', points(n / 2, n / 2), ', by theory: ', top
    print '(a, f0.9, a, z16.16)', 'sum: ', total, ', checksum: ', hash
  end subroutine

end program heat_fortran
