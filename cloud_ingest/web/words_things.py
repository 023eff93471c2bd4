"""What the pages call things, states and codes: `kind.code`, in Vietnamese and in English."""

from collections.abc import Mapping


def lines_of(kind: str, lines: str) -> dict[str, tuple[str, str]]:
    """A line a code: code, Vietnamese, English."""
    cells = [[cell.strip() for cell in line.split("|")] for line in lines.strip().splitlines()]
    start = f"{kind}." if kind else ""
    return {f"{start}{code}": (vietnamese, english) for code, vietnamese, english in cells}


THINGS: Mapping[str, tuple[str, str]] = {
    **lines_of(
        "health",
        """
        working | Tốt | Working
        faulty | Có lỗi | Faulty
        down | Mất tín hiệu | Down
        off | Đã tắt | Off
        unknown | Chưa rõ | Unknown
        """,
    ),
    **lines_of(
        "state",
        """
        working | Hoạt động | Working
        off | Đã tắt | Off
        unreachable | Mất kết nối | Unreachable
        silent | Im lặng | Silent
        buffering | Đang gửi bù | Buffering
        clock untrusted | Sai giờ | Clock untrusted
        unknown | Chưa rõ | Unknown
        """,
    ),
    **lines_of(
        "state-means",
        """
        working | Đang gửi số liệu. | It sends what it measures.
        off | Đã tắt đúng cách; không đo gì. | Switched off properly; nothing is measured.
        unreachable | Mất điện hoặc mất mạng; số liệu có thể được gửi bù sau. | No power or no network; what it measures may come later.
        silent | Vẫn nối mạng nhưng không có số liệu. | Connected, but nothing comes.
        buffering | Đang gửi, nhưng còn số liệu cũ chưa gửi hết. | It sends, but has older points that are still to come.
        clock untrusted | Chưa biết giờ đúng: thời điểm đo có thể sai. | It does not know the true time: its points may have a wrong one.
        unknown | Trung tâm chưa biết máy điều khiển của phòng này. | The centre knows no gateway of this room.
        """,
    ),
    **lines_of(
        "says",
        """
        online | Hoạt động tốt | Working
        warming | Đang khởi động | Starting up
        cooling | Đang làm nguội | Cooling down
        standby | Đang chờ | Standby
        unreachable | Không liên lạc được | Cannot be reached
        fault | Có lỗi | Faulty
        """,
    ),
    **lines_of(
        "reason",
        """
        not-opened | đang nối | connecting
        no-answer | không trả lời | no answer
        unreachable | không liên lạc được | cannot be reached
        timeout | trả lời không kịp | too slow
        gone | bị rút ra hoặc mất điện | unplugged or without power
        unplugged | bị rút ra | unplugged
        offline | mất kết nối | lost its connection
        bad-reply | trả lời khó hiểu | answers nonsense
        refused | từ chối kết nối | refuses the connection
        wrong-password | sai mật khẩu | wrong password
        password | sai mật khẩu | wrong password
        busy | chương trình khác đang chiếm | held by another program
        no-broker | mạng thiết bị chưa chạy | the device network is not running
        wrong-firmware | sai phần mềm | wrong firmware
        lamp | bóng đèn | lamp
        fan | quạt làm mát | fan
        temperature | quá nóng | too hot
        cover | nắp đang mở | cover open
        filter | lưới lọc bẩn | dirty filter
        airflow | luồng gió bị chặn | air flow blocked
        other | lỗi khác | another fault
        not-now | chưa nhận lệnh | takes no command yet
        driver | lỗi phần mềm điều khiển | the software for it is broken
        unknown | chưa rõ | unknown
        off | máy điều khiển đã tắt | gateway off
        silent | máy điều khiển im lặng | gateway silent
        buffering | máy điều khiển đang gửi bù | gateway buffering
        clock untrusted | máy điều khiển sai giờ | gateway's clock untrusted
        """,
    ),
    **lines_of(
        "role",
        """
        projector | Máy chiếu | Projector
        display | Màn hình tương tác | Interactive display
        screen | Màn chiếu | Projection screen
        lights | Đèn lớp học | Room lights
        board-light | Đèn bảng | Board light
        blinds | Rèm | Blinds
        speakers | Loa | Speakers
        microphone | Micro | Microphone
        camera | Camera | Camera
        ventilation | Quạt thông gió | Ventilation
        air-conditioner | Điều hòa | Air conditioner
        sockets | Ổ cắm học sinh | Pupil sockets
        bench-power | Nguồn bàn thí nghiệm | Bench power
        gas-valve | Van khí | Gas valve
        door-lock | Khóa cửa | Door lock
        warning-light | Đèn cảnh báo | Warning light
        button | Nút bấm | Button
        air-sensor | Cảm biến không khí | Air sensor
        light-sensor | Cảm biến ánh sáng | Light sensor
        presence-sensor | Cảm biến hiện diện | Presence sensor
        gas-sensor | Cảm biến khí | Gas sensor
        smoke-sensor | Cảm biến khói | Smoke sensor
        door-sensor | Cảm biến cửa | Door sensor
        emergency-stop | Nút dừng khẩn cấp | Emergency stop
        power-meter | Công tơ điện | Power meter
        robot-kit | Bộ robot | Robot kit
        experiment | Thí nghiệm | Experiment
        printer-3d | Máy in 3D | 3D printer
        """,
    ),
    **lines_of(
        "lesson",
        """
        preflight | Đang kiểm tra | Checking
        blocked | Chưa bắt đầu được | Blocked
        running | Đang chuẩn bị | Preparing
        ready | Đang dùng | In use
        failed | Không thực hiện được | Failed
        undoing | Đang trả lại | Putting back
        undone | Đã trả lại | Put back
        """,
    ),
    **lines_of(
        "severity",
        """
        note | Để biết | To know
        warning | Cảnh báo | Warning
        major | Nghiêm trọng | Major
        critical | Khẩn cấp | Critical
        """,
    ),
    **lines_of(
        "alarm",
        """
        open | Chưa xử lý | Open
        acknowledged | Đã nhận | Acknowledged
        cleared | Đã hết | Cleared
        """,
    ),
    **lines_of(
        "did",
        """
        raised | bắt đầu | raised
        changed | thay đổi | changed
        cleared | đã hết | cleared
        reopened | xuất hiện lại | came again
        absorbed | gộp vào báo động khác | became part of another one
        acknowledged | đã nhận | acknowledged
        assigned | giao việc | assigned
        muted | tạm tắt tiếng | muted
        unmuted | bật tiếng lại | unmuted
        commented | ghi chú | commented
        escalated | đã chuyển lên cấp trên | escalated
        """,
    ),
    **lines_of(
        "rank",
        """
        viewer | Người xem | Viewer
        school | Cán bộ trường | School
        operator | Người vận hành | Operator
        admin | Quản trị | Administrator
        key | Khóa API | API key
        """,
    ),
    **lines_of(
        "act",
        """
        read | Đọc | Read
        alarms:write | Xử lý báo động | Handle alarms
        equipment:write | Sửa sổ thiết bị | Edit equipment
        catalogue:write | Phát hành kịch bản | Publish profiles
        warehouse | Xuất dữ liệu toàn thành phố | Export the city's data
        administer | Quản trị tài khoản | Administer accounts
        """,
    ),
    **lines_of(
        "level",
        """
        mam-non | Mầm non | Kindergarten
        tieu-hoc | Tiểu học | Primary
        thcs | THCS | Lower secondary
        thpt | THPT | Upper secondary
        """,
    ),
    **lines_of(
        "gap",
        """
        gateway off | máy điều khiển đã tắt | gateway off
        gateway unreachable | mất kết nối, không gửi bù | gateway unreachable, and it did not come later
        gateway unreachable, may still come | mất kết nối, có thể còn gửi bù | gateway unreachable, may still come
        gateway buffering, may still come | đang gửi bù | gateway buffering, may still come
        gateway silent | máy điều khiển im lặng | gateway silent
        unknown | chưa rõ lý do | unknown
        """,
    ),
    **lines_of(
        "profile",
        """
        break | Giờ ra chơi | Break
        community-class | Lớp cộng đồng | Community class
        distance-lesson | Dạy học trực tuyến | Distance lesson
        emergency | Khẩn cấp | Emergency
        end-of-day | Cuối ngày | End of the day
        exam | Kiểm tra | Exam
        group-work | Làm việc nhóm | Group work
        lab-experiment | Thí nghiệm | Lab experiment
        lecture | Giảng bài | Lecture
        stem-robotics | STEM robot | STEM robotics
        """,
    ),
    **lines_of(
        "value",
        """
        true | có | yes
        false | không | no
        """,
    ),
    **lines_of(
        "metric",
        """
        temperature_c | Nhiệt độ | Temperature
        humidity_percent | Độ ẩm | Humidity
        pressure_hpa | Áp suất | Pressure
        co2_ppm | CO₂ | CO₂
        voc_ppb | Hơi hữu cơ | Organic vapours
        pm25_ugm3 | Bụi mịn PM2.5 | Fine dust PM2.5
        noise_db | Tiếng ồn | Noise
        illuminance_lux | Độ rọi | Light
        power_w | Công suất | Power draw
        energy_kwh | Điện năng | Energy
        voltage_v | Điện áp | Voltage
        current_a | Dòng điện | Current
        frequency_hz | Tần số | Frequency
        power_factor | Hệ số công suất | Power factor
        distance_cm | Khoảng cách | Distance
        battery_percent | Pin | Battery
        linkquality | Sóng | Signal
        relay_temperature_c | Nhiệt độ rơ-le | Relay temperature
        presence | Có người | Presence
        action | Nút bấm | Button
        value | Giá trị | Value
        lamp_h | Giờ bóng đèn | Lamp hours
        filter_h | Giờ lưới lọc | Filter hours
        firmware | Phần mềm | Firmware
        robot | Robot | Robot
        nozzle_c | Đầu in | Nozzle
        nozzle_target_c | Đầu in, đặt | Nozzle target
        bed_c | Bàn in | Bed
        bed_target_c | Bàn in, đặt | Bed target
        chamber_c | Buồng in | Chamber
        chamber_target_c | Buồng in, đặt | Chamber target
        progress_percent | Tiến độ in | Progress
        program_error | Lỗi chương trình | Program's error
        power | Nguồn | Power
        input | Nguồn hình | Input
        level | Mức | Level
        switch | Bật / tắt | Switch
        program | Chương trình | Program
        experiment | Thí nghiệm | Experiment
        camera | Camera | Camera
        health | Tình trạng | Health
        health_reason | Lý do | Reason
        state | Trạng thái | State
        profile | Kịch bản | Profile
        ready_s | Thời gian sẵn sàng | Time until ready
        failed_steps | Bước không xong | Failed steps
        lost_devices | Thiết bị mất giữa giờ | Devices lost in the lesson
        present | Có mặt | Present
        enrolled | Sĩ số | Enrolled
        uplink | Nối với trung tâm | Uplink
        clock_trusted | Giờ đúng | Clock trusted
        journal_writable | Ghi được nhật ký | Journal writable
        journal_corrupt | Tệp nhật ký hỏng | Damaged journal files
        backlog_points | Chờ gửi | Backlog
        backlog_age_s | Tuổi số liệu chờ gửi | Age of the backlog
        stored_points | Đã lưu | Stored
        refused_points | Bị từ chối | Refused
        retimed_points | Chỉnh lại giờ | Retimed
        set_aside_batches | Lô để riêng | Batches set aside
        set_aside_points | Điểm trong lô để riêng | Points set aside
        damaged_points | Điểm hỏng trên đĩa | Points damaged
        disk_free_mib | Đĩa trống | Free disk
        preempted | Bị thay thế | Preempted
        trigger_failed | Kích hoạt lỗi | Trigger failed
        lease | Giữ thiết bị | Lease
        """,
    ),
}
