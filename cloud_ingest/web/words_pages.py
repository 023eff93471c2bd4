"""What single pages say: `key`, in Vietnamese and in English."""

from collections.abc import Mapping

from cloud_ingest.web.words_things import lines_of

PAGES: Mapping[str, tuple[str, str]] = {
    **lines_of(
        "",
        """
        tiles | Các phòng theo tình trạng | Rooms by health
        tiles_total | {rooms} phòng ở {schools} trường | {rooms} rooms in {schools} schools
        worst | Trường cần chú ý | Schools that need attention
        no_worst | Mọi trường đều tốt. | All schools are well.
        all_of_them | Xem tất cả ({count}) | See all ({count})
        open_alarms | Báo động đang có | Alarms that hold
        no_alarms | Không có báo động. | No alarms.
        no_place | chưa có vị trí | no place yet
        find_schools | tên, mã, phường | name, slug, ward
        find_rooms | phòng, trường, máy điều khiển | room, school, gateway
        find_gateways | máy điều khiển, trường, phiên bản | gateway, school, version
        find_devices | thiết bị, phòng, trường, phần mềm | device, room, school, firmware
        find_alarms | nội dung, quy tắc, nơi | words, rule, place
        find_people | tên hoặc trường | name or school
        find_audit | người, việc, nơi | who, what, where
        school | Trường | School
        room | Phòng | Room
        rooms | Phòng | Rooms
        room_of | Phòng {room} | Room {room}
        no_rooms | Trường này chưa có phòng nào gửi số liệu. | No room of this school has sent anything yet.
        health | Tình trạng | Health
        state | Trạng thái | State
        ward | Phường | Ward
        level | Cấp | Level
        faults | Thiết bị lỗi | Devices at fault
        faults_of | {faults} / {devices} thiết bị lỗi | {faults} of {devices} devices at fault
        devices_of | {count} thiết bị | {count} devices
        alarms | Báo động | Alarms
        seen | Số liệu mới nhất | Newest point
        gateway | Máy điều khiển | Gateway
        lesson | Giờ học | Lesson
        idle | đang rảnh | idle
        version | Phiên bản | Version
        backlog | Chờ gửi (điểm) | Backlog (points)
        late_min | trễ {count} phút | {count} min late
        lost_points | mất {count} điểm | {count} points lost
        clock | Đồng hồ | Clock
        clock_right | đúng giờ | right
        clock_wrong | sai giờ | untrusted
        temperature | Nhiệt độ | Temperature
        memory | Bộ nhớ | Memory
        disk | Đĩa | Disk
        wear | mòn {percent} % | {percent} % worn
        journal_stuck | không ghi được | not writable
        devices | Thiết bị | Devices
        device | Thiết bị | Device
        kind | Loại | Kind
        no_devices | Chưa có thiết bị nào gửi số liệu. | No device has sent anything yet.
        firmware | Phần mềm | Firmware
        on | bật | on
        off | tắt | off
        live_late | Chưa đọc được số liệu trực tiếp; đang thử lại. Những gì đang hiện là của lần đọc trước. | Live values cannot be read now; it is tried again. What is shown is from before.
        charts | Biểu đồ | Charts
        no_charts | Chưa có số đo nào để vẽ. | There is nothing to draw yet.
        lessons_of_room | Giờ học trong 7 ngày | Lessons of 7 days
        no_lessons | Chưa có giờ học nào trong thời gian này. | No lessons in this time.
        started | Bắt đầu | Started
        ended | Kết thúc | Ended
        profile | Kịch bản | Profile
        outcome | Kết quả | Outcome
        ready_s | Sẵn sàng sau | Ready after
        gaps_of_room | Khoảng trống số liệu | Gaps in the data
        lessons_now | Đang có giờ học ở {rooms} phòng | Lessons in {rooms} rooms now
        used | Kịch bản đã dùng | Profiles used
        times_ready | Sẵn sàng | Ready
        times_failed | Không xong | Failed
        times_blocked | Không bắt đầu | Blocked
        share_ready | Tỷ lệ sẵn sàng | Share ready
        ready_p50 | Sẵn sàng p50 | Ready p50
        ready_p95 | Sẵn sàng p95 | Ready p95
        failing | Thiết bị đang lỗi, theo mẫu máy | Devices at fault now, by model
        no_changes | Chưa có thay đổi nào. | No changes yet.
        nothing_fails | Không có thiết bị nào đang lỗi. | No device is at fault.
        no_model | chưa ghi mẫu máy | model not written down
        share_bad | Tỷ lệ lỗi | Share at fault
        why | Lý do | Why
        attendance_means | Chỉ là số người đếm được trong phòng. Không lưu tên, khuôn mặt hay danh tính của ai. | Only how many people are counted in a room. No name, face or identity of anybody is kept.
        choose_school | Hãy chọn một trường. | Choose a school.
        counted | Đếm | Counted
        people | Số người | People
        nothing_counted | Trường này không đếm sĩ số. | Nobody counts at this school.
        not_well | {count} không tốt | {count} not well
        all_well | tất cả tốt | all well
        no_labs | Chưa có thiết bị thí nghiệm nào. | No laboratory devices yet.
        quality_means | Những phòng hiện đang thiếu số liệu, và vì sao. Chọn một phòng để xem từng khoảng trống; khoảng trống không bao giờ được lấp bằng số suy đoán. | Rooms from which points are missing now, and why. Choose one to see each gap; gaps are never filled in.
        why_missing | Vì sao | Why
        last_point | Điểm cuối | Last point
        nothing_missing | Không thiếu số liệu của phòng nào. | Nothing is missing from any room.
        legend | Các trạng thái nghĩa là gì | What the states mean
        quality_sum | Đủ {share} số liệu của {series} chuỗi đo đều; {others} chuỗi chỉ báo khi thay đổi nên không có khoảng trống. | {share} of the points of {series} regular series are there; {others} report changes only and so have no gaps.
        gap_sum | {count} khoảng trống, tổng {seconds} | {count} gaps, {seconds} together
        gap_none | không có khoảng trống | no gaps
        no_series | Phòng này chưa có chuỗi đo đều nào. | This room has no regular series yet.
        still | đến bây giờ | until now
        seconds | {count} giây | {count} s
        minutes | {count} phút | {count} min
        hours | {count} giờ | {count} h
        """,
    ),
    **lines_of(
        "",
        """
        alarm | Báo động | Alarm
        severity | Mức | Severity
        where | Nơi | Where
        since | Từ lúc | Since
        stands_for | Đại diện | Stands for
        things | {count} phòng hoặc thiết bị | {count} rooms or devices
        assigned | Người xử lý | Assigned to
        to_me | Tôi | Me
        muted | Tắt tiếng | Muted
        muted_until | Tắt tiếng đến | Muted until
        many_schools | {count} trường | {count} schools
        concerned | {count} trường liên quan | {count} schools concerned
        history | Diễn biến | History
        comment | Ghi chú | Comment
        assign_to | Giao cho | Assign to
        assign_hint | để trống: không giao cho ai | empty: to nobody
        mute_for | Trong | For
        has_cleared | Báo động này đã hết. | It has cleared.
        not_theirs | Báo động này của nhiều trường: trung tâm xử lý. | It concerns many schools: the centre handles it.
        say_something | Hãy viết ghi chú (tối đa 1000 chữ). | Write a comment of at most 1000 letters.
        model | Mẫu máy | Model
        serial | Số máy | Serial number
        bought | Ngày mua | Bought
        warranty | Bảo hành đến | Warranty until
        warranty_over | đã hết | over
        lamp_h | Giờ bóng đèn | Lamp hours
        filter_h | Giờ lưới lọc | Filter hours
        battery | Pin | Battery
        note | Ghi chú | Note
        labels | In nhãn QR | QR labels
        label | In nhãn | Print its label
        it_says | Thiết bị tự báo | What it says
        written | Sổ thiết bị | Register
        changed_by | Sửa bởi {by} lúc | Changed by {by}
        nothing_written | Chưa ai ghi gì. | Nobody has written anything down.
        wrong_day | Ngày không đúng. | That is no day.
        """,
    ),
    **lines_of(
        "",
        """
        shown_name | Tên hiển thị | Shown as
        rank | Vai trò | Role
        logs_in | Đăng nhập bằng | Logs in by
        by_password | mật khẩu | password
        by_city | tài khoản thành phố | city account
        enabled | Đang dùng | Enabled
        disabled | Đã khóa | Disabled
        last_log_in | Lần vào cuối | Last log-in
        add_person | Thêm tài khoản | Add an account
        new_password | Đặt mật khẩu | Set a password
        school_hint | mã trường; để trống: toàn thành phố | a school's slug; empty: the whole city
        key_for | Dùng cho | What it is for
        key_id | Mã khóa | Key
        may_do | Được làm | May do
        made_by | Tạo bởi | Made by
        ends | Hết hạn | Ends
        no_end | không hết hạn | no end
        used_last | Dùng lần cuối | Last used
        add_key | Tạo khóa | Make a key
        no_keys | Chưa có khóa nào. | There are no keys yet.
        keys_mean | Khóa API dành cho hệ thống khác đọc số liệu của trung tâm, không dành cho người. | API keys are for other systems that read the centre's figures, not for people.
        key_made | Khóa mới | The new key
        key_once | Hãy chép ngay: khóa chỉ hiện một lần này. | Copy it now: it is shown this once.
        time | Lúc | When
        who | Ai | Who
        action | Việc | Action
        on_what | Trên | On
        detail | Chi tiết | Detail
        seal_whole | Nhật ký còn nguyên vẹn: không dòng nào bị sửa hay xóa. | The audit is whole: no line was changed or taken out.
        seal_broken | Nhật ký đã bị sửa hoặc xóa từ dòng {line}. | The audit was changed or cut at line {line}.
        nothing_published | Chưa phát hành gì. | Nothing is published yet.
        refused | Từ chối | Refused
        published | Phát hành | Published
        """,
    ),
    **lines_of("alarms", """
        hold | Đang có | That hold
        open | Chưa xử lý | Open
        acknowledged | Đã nhận | Acknowledged
        cleared | Đã hết | Cleared
        every | Mọi báo động | Every one
        """),
    **lines_of("do", """
        acknowledge | Nhận xử lý | Acknowledge
        assign | Giao việc | Assign
        mute | Tắt tiếng | Mute
        unmute | Bật tiếng lại | Unmute
        comment | Ghi chú | Comment
        """),
    **lines_of("mute", """
        1h | 1 giờ | 1 hour
        8h | 8 giờ | 8 hours
        24h | 1 ngày | 1 day
        7d | 7 ngày | 7 days
        30d | 30 ngày | 30 days
        """),
    **lines_of("days", """
        30 | sau 30 ngày | in 30 days
        365 | sau 1 năm | in a year
        1095 | sau 3 năm | in 3 years
        never | không hết hạn | never
        """),
    **lines_of("sure", """
        remove | Xóa tài khoản {name}? Người này sẽ không vào được nữa. | Remove the account {name}? They cannot log in any more.
        disable | Khóa tài khoản {name}? Người này bị đăng xuất ngay. | Disable {name}? They are logged out at once.
        enable | Mở khóa tài khoản {name}? | Enable {name} again?
        remove_key | Xóa khóa này? Hệ thống đang dùng khóa sẽ không đọc được nữa. | Remove this key? Whatever uses it cannot read any more.
        """),
    **lines_of("wrong", """
        name | Tên gồm 1–64 chữ thường không dấu, số và . _ @ -, chưa ai dùng. | A name has 1 to 64 of a-z, 0-9 and . _ @ -, and is nobody else's.
        password | Mật khẩu cần ít nhất 12 ký tự, khó đoán và khác tên. | A password has 12 characters or more, is hard to guess and not the name.
        school | Sai mã trường, hoặc vai trò này không hợp với phạm vi một trường. | That is no school's slug, or the role does not go with one school.
        role | Phải còn ít nhất một người quản trị. | Somebody has to stay administrator.
        subject | Tài khoản thành phố này đã được dùng. | That city account is in use.
        shown | Tên hiển thị có tối đa 64 ký tự. | A name to show has at most 64 letters.
        label | Hãy viết khóa dùng cho việc gì (1–64 ký tự). | Say what the key is for, in 1 to 64 letters.
        scopes | Hãy chọn ít nhất một quyền; khóa của một trường không xuất dữ liệu toàn thành phố. | Choose at least one right; a key of one school cannot export the city.
        until | Hạn phải ở tương lai. | A key ends in the future.
        id | Không còn khóa này. | There is no such key.
        """),
    **lines_of("catalogue", """
        timetable | Thời khóa biểu | Timetable
        """),
}  # fmt: skip
