"""What stands round every page, and what all pages say: `key`, in Vietnamese and in English."""

from collections.abc import Mapping

from cloud_ingest.web.words_things import lines_of

SHELL: Mapping[str, tuple[str, str]] = {
    **lines_of(
        "",
        """
        centre | Trung tâm điều hành | Operations centre
        skip | Đến nội dung | Skip to the content
        menu | Các trang | Pages
        crumbs | Đường dẫn | Where this is
        other_language | English | Tiếng Việt
        turn_theme | Đổi nền sáng / tối | Light or dark
        log_in | Đăng nhập | Log in
        log_out | Đăng xuất | Log out
        log_in_city | Đăng nhập bằng tài khoản thành phố | Log in with the city's account
        name | Tên | Name
        password | Mật khẩu | Password
        forgot | Quên mật khẩu? Hãy nhờ người quản trị trung tâm đặt lại. | Forgotten it? Ask an administrator of the centre for another one.
        wrong_password | Không có tài khoản này, hoặc sai mật khẩu. | No such account, or not its password.
        too_often | Sai quá nhiều lần. Hãy chờ vài phút rồi thử lại. | Too many tries. Wait some minutes.
        whole_city | Toàn thành phố | The whole city
        sees | Phạm vi được xem | What you may see
        find | Tìm | Find
        search | Tìm | Search
        all | Tất cả | All
        none | Không có gì khớp. Hãy bỏ bớt bộ lọc. | Nothing fits. Take away a filter.
        before | Trước | Back
        next | Sau | Next
        pages | Trang | Pages
        rows | {first}–{last} trong {total} | {first}–{last} of {total}
        csv | Tải CSV | CSV
        older | Cũ hơn | Older
        no | Thôi | Cancel
        yes | Có | Yes
        no_answer | Không | No
        lost | Mất kết nối với trung tâm. | The connection to the centre is lost.
        lost_trying | Đang thử nối lại… | Trying to connect again…
        too_long | Dữ liệu gửi đi quá dài. | What was sent is too long.
        too_long_means | Hãy rút ngắn rồi thử lại. | Make it shorter and try again.
        save | Lưu | Save
        close | Đóng | Close
        edit | Sửa | Edit
        change | Sửa | Change
        remove | Xóa | Remove
        disable | Khóa | Disable
        enable | Mở khóa | Enable
        print | In | Print
        never | chưa bao giờ | never
        simulated | mô phỏng | simulated
        stale | Trung tâm không đọc được một phần dữ liệu: số liệu dưới đây có thể cũ. | The centre cannot read a part of its data: what is shown may be old.
        not_found | Không có trang này, hoặc bạn không được xem. | There is no such thing, or it is not yours to see.
        not_found_title | Không tìm thấy | Not found
        not_allowed | Tài khoản của bạn không được làm việc này. | Your account may not do this.
        not_allowed_title | Không được phép | Not allowed
        wrong_question | Địa chỉ trang có chỗ sai: | There is something wrong with the address:
        unavailable | Chưa đọc được dữ liệu này. | This cannot be read now.
        unavailable_try | Trang sẽ tự thử lại. | It is tried again by itself.
        accounts_unavailable | Chưa đọc được danh sách tài khoản. Hãy thử lại sau ít phút. | The accounts cannot be read now. Try again in some minutes.
        logged_out | Phiên đã hết hoặc quyền đã thay đổi. Hãy đăng nhập lại. | Your session has ended or your rights have changed. Log in again.
        look_only | Bạn chỉ được xem. | You may look only.
        """,
    ),
    **lines_of(
        "why",
        """
        provider | Chưa nối được với hệ thống đăng nhập của thành phố. | The city's identity provider cannot be reached.
        not-confirmed | Hệ thống đăng nhập không xác nhận. Hãy thử lại. | The identity provider did not confirm it. Try again.
        no-account | Tài khoản thành phố này chưa được cấp quyền vào trung tâm. | This city account has no account here.
        accounts | Chưa đọc được danh sách tài khoản. | The accounts cannot be read now.
        """,
    ),
    **lines_of(
        "way",
        """
        overview | Bản đồ | Map
        schools | Trường | Schools
        rooms | Phòng | Rooms
        alarms | Báo động | Alarms
        equipment | Thiết bị | Equipment
        lessons | Giờ học | Lessons
        attendance | Sĩ số | Attendance
        labs | Phòng thí nghiệm | Laboratories
        forecasts | Dự báo | Forecasts
        quality | Chất lượng số liệu | Data quality
        warehouse | Kho dữ liệu | Data warehouse
        gateways | Máy điều khiển | Gateways
        catalogue | Kịch bản và thời khóa biểu | Profiles and timetables
        accounts | Tài khoản | Accounts
        keys | Khóa API | API keys
        audit | Nhật ký thay đổi | Audit
        """,
    ),
    **lines_of(
        "group",
        """
        city | Thành phố | City
        things | Kỹ thuật | Equipment and data
        use | Sử dụng | Use
        ruling | Quản trị | Administration
        """,
    ),
    **lines_of(
        "map",
        """
        map | Bản đồ các trường, tô theo tình trạng | Map of schools by health
        nearer | Phóng to | Zoom in
        farther | Thu nhỏ | Zoom out
        stale | Chưa tải được số liệu mới. Đang thử lại… | No new figures now. Trying again…
        schools | trường | schools
        alarms | báo động | alarms
        no_rooms | chưa có phòng | no rooms yet
        """,
    ),
    **lines_of(
        "span",
        """
        15m | 15 phút | 15 min
        1h | 1 giờ | 1 h
        6h | 6 giờ | 6 h
        24h | 24 giờ | 24 h
        7d | 7 ngày | 7 days
        30d | 30 ngày | 30 days
        1y | 1 năm | 1 year
        """,
    ),
    **lines_of(
        "chart",
        """
        span | Khoảng thời gian | Length of time
        no_chart | Chưa tải được biểu đồ. | The chart cannot be shown now.
        empty | không có số liệu | no points
        summary | trung bình {mean}, từ {low} đến {high} | mean {mean}, from {low} to {high}
        gap | không có số liệu | no points
        """,
    ),
}
