"""What the pages say of forecasts, of what is published to gateways, and of the export: in Vietnamese and in English."""

from collections.abc import Mapping

from cloud_ingest.web.words_things import lines_of

PUBLISHED: Mapping[str, tuple[str, str]] = {
    **lines_of(
        "",
        """
        forecasts_mean | Khi nào bóng đèn, lưới lọc, pin, đĩa và cảm biến đến hạn, theo số liệu đã đo. Khoảng ngày đúng 8 lần trong 10; sai số là của chính cách tính này ở những ngày trước, cạnh cách tính đơn giản. | When lamps, filters, batteries, disks and sensors come to their end, by what was measured. The interval holds 8 times of 10; the error is that of the same method at earlier days, beside naive ones.
        no_forecasts_yet | Chưa có dự báo nào: hãy cho chạy mỗi đêm | No forecasts were made yet: run each night
        forecasts_made | Dự báo ngày {day} | Made on {day}
        find_forecasts | trường, phòng, thiết bị, chỉ số | school, room, device, metric
        wears | Hao mòn | What wears
        within | Trong vòng | Within
        expected | Dự kiến đến hạn | Expected
        beyond | sau {day} | after {day}
        between | từ {early} đến {late} | {early} to {late}
        nobody_knows | chưa rõ | not known
        value_of_limit | Hiện tại / giới hạn | Now / limit
        method | Cách tính | Method
        back_test | Sai số kiểm lại | Back-test error
        error_of | ±{error} {unit} sau {days} ngày | ±{error} {unit} after {days} days
        naive_of | đơn giản: ±{error} (28 ngày), ±{week} (7 ngày) | naive: ±{error} (28 days), ±{week} (7 days)
        no_back_test | chưa đủ số liệu | too little history
        bear_in_mind | Lưu ý | Bear in mind
        no_forecast_here | Chưa có dự báo cho thiết bị này. | There is no forecast for this device.
        sending | Gửi đến các trường | On its way to schools
        send_by_hand | Trung tâm không tự gửi. Sau khi phát hành, hãy chạy | The centre does not send by itself. After publishing, run
        make_key | Chưa có khóa ký. Hãy tạo một lần bằng | There is no signing key. Make one, once, with
        sending_waits | Còn {count} gói chờ gửi. | {count} bundles wait.
        progress | Máy điều khiển ở các trường | Gateways of the schools
        no_progress | Chưa gửi gì đến trường nào. | Nothing was made for any school yet.
        troubled | Vướng mắc | Troubled
        troubled_only | Chỉ trường có máy từ chối hoặc chậm | Only schools with a gateway that refused or is behind
        find_progress | tên hoặc mã trường | a school's name or slug
        holds | Đang dùng | In use
        staged | Chờ hết giờ học | After the lesson
        behind | Chậm | Behind
        away | Vắng | Away
        serial_no | Số phát hành | Serial
        not_sent | chưa gửi | not sent
        profiles | Kịch bản | Profiles
        publish_profile | Phát hành kịch bản | Publish a profile
        withdraw | Rút lại | Withdraw
        withdrawn | đã rút lại | withdrawn
        sure_withdraw | Rút lại {name}? Các phòng sẽ dùng lại kịch bản cài sẵn, nếu có. | Withdraw {name}? Rooms use the one that they were installed with again, if there is one.
        versions | Các phiên bản | Versions
        changes_from | Thay đổi so với phiên bản {version} | Changes from version {version}
        changes_from_built_in | Thay đổi so với kịch bản cài sẵn | Changes from the built-in one
        no_text_before | Trước đây không có kịch bản này. | There was no such profile before.
        no_difference | Không có gì khác. | Nothing is different.
        publish_means | Dán nội dung YAML hoặc chọn tệp, rồi kiểm tra. Chỉ những gì đã kiểm tra mới được phát hành; mọi phòng nhận vào lúc không có giờ học. | Paste the YAML or choose its file, then check it. Only what was checked is published; rooms take it when no lesson is on.
        text_yaml | Nội dung (YAML) | Text (YAML)
        choose_file | hoặc chọn tệp | or choose a file
        for_school | Cho trường | For the school
        for_all | tất cả các trường | all schools
        what_changed | Có gì thay đổi | What has changed
        check | Kiểm tra | Check
        publish_it | Phát hành {name} phiên bản {version} | Publish {name} version {version}
        was_published | Đã phát hành {name} phiên bản {version}. | {name} version {version} is published.
        mistakes | {count} chỗ cần sửa | {count} mistakes
        at_line | Dòng {line}, cột {column} | Line {line}, column {column}
        nothing_given | Hãy dán nội dung hoặc chọn tệp. | Paste a text or choose a file.
        too_large_file | Tệp quá lớn (tối đa 700 KB). | The file is too large (at most 700 KB).
        timetable_of | Thời khóa biểu {school} | Timetable of {school}
        timetables | Thời khóa biểu | Timetables
        timetable_now | Đang phát hành | Published now
        no_timetable | Trường này chưa có thời khóa biểu. | This school has no timetable yet.
        lessons_in_rooms | {lessons} tiết, {rooms} phòng | {lessons} lessons, {rooms} rooms
        week_from | Tuần từ {day} | Week of {day}
        room_unknown | chưa có máy điều khiển | no gateway yet
        take_timetable | Đưa thời khóa biểu mới | A new timetable
        timetable_means | Tệp iCalendar (.ics) mà phần mềm xếp thời khóa biểu xuất ra. Không lấy tên giáo viên hay học sinh. | An iCalendar file (.ics), as timetable programs export it. Nothing is taken of teachers or pupils.
        ics_file | Tệp .ics | .ics file
        year_ends | Ngày cuối năm học | Last day of the school year
        room_names | Tên phòng trong tệp, mỗi dòng một phòng: Phòng 101=a101 | Rooms as the file calls them, a line each: Room 101=a101
        show_first | Xem trước | Preview
        would_be | Sẽ phát hành | What would be published
        left_out | Bị bỏ qua | Left out
        nothing_left_out | Không bỏ qua gì. | Nothing is left out.
        no_lessons_in_it | Trong tệp không có tiết học nào. | There is no lesson in it.
        put_timetable | Phát hành thời khóa biểu này | Publish this timetable
        timetable_put | Đã phát hành thời khóa biểu. | The timetable is published.
        wrong_rooms | Mỗi dòng là TÊN=mã phòng, ví dụ Phòng 101=a101. | A line is NAME=room, such as Room 101=a101.
        how_many | Số lượng | How many
        examples | Ví dụ | Such as
        export_means | Tệp Parquet xuất mỗi đêm cho kho dữ liệu của thành phố. | Parquet files that are written each night for the city's warehouse.
        no_export | Trung tâm chưa được cho biết thư mục xuất: chạy với | The centre was not told where the export is: run it with
        no_days | Chưa xuất ngày nào. | No day was exported yet.
        day | Ngày | Day
        whole | đủ | whole
        not_whole | chưa đủ | not whole
        files | Tệp | Files
        lines | Dòng | Rows
        size | Dung lượng | Size
        exported | Xuất lúc | Exported
        """,
    ),
    **lines_of("wear", """
        lamp | Bóng đèn | Lamp
        filter | Lưới lọc | Filter
        battery | Pin | Battery
        disk | Đĩa | Disk
        drift | Cảm biến lệch | Sensor drift
        """),
    **lines_of("forecast-note", """
        gaps | có khoảng trống số liệu | there are gaps in the data
        replaced | đã thay mới giữa chừng | it was replaced in between
        sure | độ lệch rõ rệt | the drift is certain
        """),
    **lines_of("within", """
        30 | 30 ngày | 30 days
        90 | 90 ngày | 90 days
        365 | 1 năm | a year
        """),
    **lines_of("delivery", """
        starting | Đang bắt đầu. | It is starting.
        sent | Đã gửi hết: broker giữ bản mới nhất cho từng trường. | All is sent: the broker keeps the newest for each school.
        waiting | Đang gửi. | It is being sent.
        away | Không liên lạc được broker; trung tâm tự thử lại. | The broker cannot be reached; it is tried again by itself.
        stuck | Có thứ không gửi được. | Something cannot be sent.
        """),
    **lines_of("refusal", """
        format | sai định dạng | wrong format
        large | quá lớn | too large
        key | khóa lạ: máy chưa tin khóa của trung tâm | a key that it does not trust
        signature | chữ ký sai | wrong signature
        school | của trường khác | of another school
        serial | số phát hành sai | wrong serial
        old | cũ hơn bản đang có | older than what it has
        profiles | kịch bản sai | wrong profile
        timetable | thời khóa biểu sai | wrong timetable
        disk | không ghi được đĩa | its disk cannot be written
        """),
    **lines_of("weekday", """
        0 | Hai | Mon
        1 | Ba | Tue
        2 | Tư | Wed
        3 | Năm | Thu
        4 | Sáu | Fri
        5 | Bảy | Sat
        6 | CN | Sun
        """),
}  # fmt: skip
